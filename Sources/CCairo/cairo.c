#include "CCairo.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>

// Cairo brings fifteen libraries with it, those of the window system among them. Linked in, each
// agent and each command would load all of them at its start, and only plots need them.

#define CAIRO_FUNCTIONS(F)                                                                        \
    F(cairo_surface_t *, cairo_image_surface_create, (cairo_format_t f, int w, int h), (f, w, h)) \
    F(void, cairo_surface_destroy, (cairo_surface_t * s), (s))                                    \
    F(cairo_status_t, cairo_surface_write_to_png_stream,                                          \
      (cairo_surface_t * s, cairo_write_func_t write, void *closure), (s, write, closure))        \
    F(cairo_t *, cairo_create, (cairo_surface_t * s), (s))                                        \
    F(void, cairo_destroy, (cairo_t * c), (c))                                                    \
    F(cairo_status_t, cairo_status, (cairo_t * c), (c))                                           \
    F(const char *, cairo_status_to_string, (cairo_status_t status), (status))                    \
    F(void, cairo_save, (cairo_t * c), (c))                                                       \
    F(void, cairo_restore, (cairo_t * c), (c))                                                    \
    F(void, cairo_clip, (cairo_t * c), (c))                                                       \
    F(void, cairo_new_path, (cairo_t * c), (c))                                                   \
    F(void, cairo_move_to, (cairo_t * c, double x, double y), (c, x, y))                          \
    F(void, cairo_line_to, (cairo_t * c, double x, double y), (c, x, y))                          \
    F(void, cairo_rectangle, (cairo_t * c, double x, double y, double w, double h),               \
      (c, x, y, w, h))                                                                            \
    F(void, cairo_fill, (cairo_t * c), (c))                                                       \
    F(void, cairo_stroke, (cairo_t * c), (c))                                                     \
    F(void, cairo_set_line_width, (cairo_t * c, double width), (c, width))                        \
    F(void, cairo_set_line_cap, (cairo_t * c, cairo_line_cap_t cap), (c, cap))                    \
    F(void, cairo_set_line_join, (cairo_t * c, cairo_line_join_t join), (c, join))                \
    F(void, cairo_set_source_rgba, (cairo_t * c, double r, double g, double b, double a),         \
      (c, r, g, b, a))                                                                            \
    F(void, cairo_select_font_face,                                                               \
      (cairo_t * c, const char *family, cairo_font_slant_t slant, cairo_font_weight_t weight),    \
      (c, family, slant, weight))                                                                 \
    F(void, cairo_set_font_size, (cairo_t * c, double size), (c, size))                           \
    F(void, cairo_show_text, (cairo_t * c, const char *text), (c, text))                          \
    F(void, cairo_text_extents, (cairo_t * c, const char *text, cairo_text_extents_t * extents),  \
      (c, text, extents))

#define MEMBER(type, name, parameters, arguments) type(*name) parameters;
static struct {
    CAIRO_FUNCTIONS(MEMBER)
} loaded;

// What `dlerror` says is gone at its next call, and with the thread.
static char failure[256];

static void load(void) {
    void *library = dlopen("libcairo.so.2", RTLD_NOW | RTLD_LOCAL);
    int found = library != NULL;
#define FIND(type, name, parameters, arguments) \
    found = found && (*(void **)&loaded.name = dlsym(library, #name)) != NULL;
    CAIRO_FUNCTIONS(FIND)
    if (!found) snprintf(failure, sizeof failure, "%s", dlerror());
}

const char *cerro_cairo_load(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    return failure[0] == 0 ? NULL : failure;
}

#define CALL(type, name, parameters, arguments) \
    type name parameters { return loaded.name arguments; }
CAIRO_FUNCTIONS(CALL)
