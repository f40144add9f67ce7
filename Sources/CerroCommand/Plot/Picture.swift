internal import CCairo
internal import Telemetry

/// A picture of pixels with lines, areas and texts, drawn by Cairo and written as PNG.
///
/// x counts from the left and y from the top, in pixels.
final class Picture {
    /// A colour of the screen; each part 0...1, of which `alpha` 1 hides what is below.
    struct Colour: Hashable, Sendable {
        let red: Double, green: Double, blue: Double
        var alpha = 1.0

        /// The colour of 24 bits, `0xRRGGBB`.
        init(_ bits: UInt32, alpha: Double = 1) {
            red = Double(bits >> 16 & 0xFF) / 255
            green = Double(bits >> 8 & 0xFF) / 255
            blue = Double(bits & 0xFF) / 255
            self.alpha = alpha
        }
    }

    /// A place in the picture.
    typealias Place = (x: Double, y: Double)

    /// Which part of a text stands at its place.
    enum Alignment: Double {
        case start = 0
        case middle = 0.5
        case end = 1
    }

    private let surface: OpaquePointer
    private let context: OpaquePointer

    /// A picture in one colour.
    init(width: Int, height: Int, ground: Colour) throws(CommandFailure) {
        if let reason = cerro_cairo_load() {
            throw CommandFailure(
                .failed,
                "a picture needs Cairo: apt-get install libcairo2 (\(String(cString: reason)))"
            )
        }
        surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, Int32(width), Int32(height))
        context = cairo_create(surface)
        // A face that every Debian with fonts has under this name.
        cairo_select_font_face(
            context,
            "sans-serif",
            CAIRO_FONT_SLANT_NORMAL,
            CAIRO_FONT_WEIGHT_NORMAL
        )
        try check()
        fill(x: 0, y: 0, width: Double(width), height: Double(height), ground)
    }

    deinit {
        cairo_destroy(context)
        cairo_surface_destroy(surface)
    }

    /// A filled rectangle.
    func fill(x: Double, y: Double, width: Double, height: Double, _ colour: Colour) {
        take(colour)
        cairo_rectangle(context, x, y, width, height)
        cairo_fill(context)
    }

    /// A filled area within a line.
    func fill(_ outline: [Place], _ colour: Colour) {
        trace(outline)
        take(colour)
        cairo_fill(context)
    }

    /// A line; of one place, a dot.
    func line(_ places: [Place], _ colour: Colour, width: Double) {
        trace(places)
        if places.count == 1, let place = places.first { cairo_line_to(context, place.x, place.y) }
        take(colour)
        cairo_set_line_width(context, width)
        cairo_set_line_cap(context, places.count == 1 ? CAIRO_LINE_CAP_ROUND : CAIRO_LINE_CAP_BUTT)
        cairo_set_line_join(context, CAIRO_LINE_JOIN_BEVEL)
        cairo_stroke(context)
    }

    /// Draws only within a rectangle what `body` draws.
    func clipped(x: Double, y: Double, width: Double, height: Double, _ body: () -> Void) {
        cairo_save(context)
        cairo_rectangle(context, x, y, width, height)
        cairo_clip(context)
        body()
        cairo_restore(context)
    }

    /// A line of text on the baseline `y`.
    func text(
        _ text: String,
        x: Double,
        y: Double,
        size: Double,
        _ colour: Colour,
        _ alignment: Alignment = .start
    ) {
        let start = x - width(of: text, size: size) * alignment.rawValue
        take(colour)
        cairo_move_to(context, start.rounded(), y.rounded())
        cairo_show_text(context, text)
    }

    /// How wide a text is.
    func width(of text: String, size: Double) -> Double {
        cairo_set_font_size(context, size)
        var extents = cairo_text_extents_t()
        cairo_text_extents(context, text, &extents)
        return extents.x_advance
    }

    /// The picture as a PNG file.
    func png() throws(CommandFailure) -> [UInt8] {
        try check()
        let written = Written()
        let status = withExtendedLifetime(written) {
            cairo_surface_write_to_png_stream(
                surface,
                { closure, data, count in
                    guard let closure, let data else { return CAIRO_STATUS_WRITE_ERROR }
                    let written = Unmanaged<Written>.fromOpaque(closure).takeUnretainedValue()
                    written.bytes += UnsafeBufferPointer(start: data, count: Int(count))
                    return CAIRO_STATUS_SUCCESS
                },
                Unmanaged.passUnretained(written).toOpaque()
            )
        }
        try check(status)
        return written.bytes
    }

    private final class Written {
        var bytes: [UInt8] = []
    }

    private func trace(_ places: [Place]) {
        cairo_new_path(context)
        for (index, place) in places.enumerated() {
            if index == 0 {
                cairo_move_to(context, place.x, place.y)
            } else {
                cairo_line_to(context, place.x, place.y)
            }
        }
    }

    private func take(_ colour: Colour) {
        cairo_set_source_rgba(context, colour.red, colour.green, colour.blue, colour.alpha)
    }

    private func check(_ given: cairo_status_t? = nil) throws(CommandFailure) {
        let status = given ?? cairo_status(context)
        guard status != CAIRO_STATUS_SUCCESS else { return }
        let reason = cairo_status_to_string(status).map { String(cString: $0) } ?? "unknown"
        throw CommandFailure(.failed, "the picture cannot be drawn: Cairo says \"\(reason)\"")
    }
}
