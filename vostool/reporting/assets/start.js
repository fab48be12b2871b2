// What happens when the document has been read, and when its address changes.

const overview = document.querySelector(".overview");
const roots = [...document.querySelectorAll(".viewer")];
const viewers = new Map();

/** The viewer of a part of the document, made when it is first looked at. */
async function viewerOf(root) {
  if (!viewers.has(root)) {
    const viewer = new Viewer(root);
    viewers.set(root, viewer.start().then(() => viewer));
  }
  return viewers.get(root);
}

let shown = null;
let left = 0; // how far the overview was scrolled when it was left

/** Show the part of the document, and the frame, that the address names. */
async function follow() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const root = roots.find(({ id }) => id === wanted.get("video")) || (overview ? null : roots[0]);
  if (shown) shown.stop();
  if (overview && roots.length) {
    if (!overview.hidden) left = window.scrollY;
    overview.hidden = Boolean(root);
    for (const other of roots) other.hidden = other !== root;
    const section = root ? null : document.getElementById(location.hash.slice(1));
    if (section) section.scrollIntoView();
    else window.scrollTo(0, root ? 0 : left);
  }
  shown = root ? await viewerOf(root) : null;
  if (shown) shown.follow(wanted);
}

document.addEventListener("keydown", (event) => shown && shown.key(event));
window.addEventListener("hashchange", follow);
document.querySelectorAll("table.sortable").forEach(makeSortable);
follow();
document.addEventListener("click", (event) => {
  // The browser says nothing where the address stays the same.
  const link = event.target.closest && event.target.closest('a[href^="#"]');
  if (link && link.getAttribute("href") === location.hash) follow();
});
