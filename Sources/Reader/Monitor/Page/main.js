// The monitor: one page that shows the site as it is, from what the reader tells everybody.

import * as control from "./control.js";
import * as login from "./login.js";
import * as site from "./site.js";
import * as strip from "./strip.js";
import * as tiles from "./tiles.js";
import * as view from "./view.js";

view.open();
strip.open();
tiles.open();
control.open();
login.open();

// The rest comes while the site is asked for: the tiles shall not wait for it.
const [panel, plots, search, keys] = await Promise.all([
  import("./panel.js"), import("./plots.js"), import("./search.js"), import("./keys.js"),
]);
panel.open();
plots.open();
search.open();
keys.open();

// Ages go on whether or not anything arrives: a page that lost its link must not look well.
setInterval(() => {
  if (site.site.isLinked) return;
  strip.tick();
  tiles.tick();
  panel.tick();
}, 1000);
