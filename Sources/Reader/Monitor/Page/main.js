// The monitor: one page that shows the site as it is, from what the reader tells everybody.

import * as control from "./control.js";
import * as keys from "./keys.js";
import * as panel from "./panel.js";
import * as plots from "./plots.js";
import * as search from "./search.js";
import * as site from "./site.js";
import * as strip from "./strip.js";
import * as tiles from "./tiles.js";
import * as view from "./view.js";

view.open();
strip.open();
tiles.open();
panel.open();
plots.open();
control.open();
search.open();
keys.open();
site.open();

// Ages go on whether or not anything arrives: a page that lost its link must not look well.
setInterval(() => {
  if (site.site.isLinked) return;
  strip.tick();
  tiles.tick();
  panel.tick();
}, 1000);
