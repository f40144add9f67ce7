// Runs before the first paint, so that a page in night mode never flashes in another colour.
// The address wins over what this browser was last told.
(() => {
  const asked = new URLSearchParams(location.hash.slice(1)).get("night");
  let night = asked === "1";
  if (asked === null) {
    try { night = localStorage.getItem("night") === "1"; } catch { /* storage may be forbidden */ }
  }
  document.documentElement.classList.toggle("night", night);
})();
