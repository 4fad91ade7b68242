# SPDX-License-Identifier: Apache-2.0
"""A picture of VMs as one HTML file: the SVG, and what a pointer or the keyboard shows of it.

Nothing is loaded from anywhere, and a policy in the file forbids it: only the script and the
style that are written here run, known by their hashes, whatever a configuration contains.
"""

from base64 import b64encode
from hashlib import sha256

from passthru.report.map_model import Picture
from passthru.report.map_style import STYLE
from passthru.report.map_svg import picture_as_svg
from passthru.report.map_text import safe

__all__ = ["picture_as_html"]

_PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; background: #ffffff; font: 13px system-ui, "DejaVu Sans", sans-serif; }
svg { display: block; margin: 0 auto; max-width: 100%; height: auto; }
.item, .link { cursor: default; outline: none; }
.item:focus-visible .bar { stroke: currentColor; stroke-width: 2; }
svg.looking .link { opacity: .12; }
svg.looking .link.seen { opacity: 1; }
svg.looking .link.seen .band { opacity: .4; }
svg.looking .item.seen:not(.bad) .bar { stroke: var(--ink); stroke-width: 2; }
#told { position: fixed; max-width: 44em; padding: 6px 9px; border: 1px solid #8b949e;
  border-radius: 4px; background: #ffffff; color: #1b1f24; white-space: pre-wrap;
  overflow-wrap: anywhere; pointer-events: none; box-shadow: 0 2px 8px rgb(0 0 0 / .25);
  font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) { body { background: #14181d; }
  .item:focus-visible .bar { stroke: #ffffff; }
  #told { background: #23292f; color: #e8ecf1; } }
"""

# Texts go from a title to `textContent` only: they are never read as markup.
_SCRIPT = """
"use strict";
const picture = document.querySelector("svg");
const told = document.getElementById("told");
const parts = [...picture.querySelectorAll(".item, .link")];
for (const part of parts) {
  const title = part.querySelector("title");
  part.setAttribute("aria-label", title.textContent);
  title.remove(); // or the browser would show it a second time
}
function namesOf(part) {
  return part.dataset.links.split(" ").filter((name) => name);
}
function place(x, y) {
  const right = Math.max(0, innerWidth - told.offsetWidth - 8);
  const above = y + 18 + told.offsetHeight > innerHeight;
  told.style.left = Math.min(x + 14, right) + "px";
  told.style.top = Math.max(0, above ? y - told.offsetHeight - 10 : y + 18) + "px";
}
function look(part, x, y) {
  const names = new Set(namesOf(part));
  for (const other of parts) {
    const isSeen = other === part || namesOf(other).some((name) => names.has(name));
    other.classList.toggle("seen", isSeen);
  }
  picture.classList.toggle("looking", names.size > 0);
  told.textContent = part.getAttribute("aria-label");
  told.hidden = false;
  place(x, y);
}
function leave() {
  picture.classList.remove("looking");
  told.hidden = true;
}
for (const part of parts) {
  part.addEventListener("pointermove", (event) => look(part, event.clientX, event.clientY));
  part.addEventListener("pointerleave", leave);
  part.addEventListener("focus", () => {
    const box = part.getBoundingClientRect();
    look(part, box.left, box.bottom - 12);
  });
  part.addEventListener("blur", leave);
}
addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
"""


def picture_as_html(picture: Picture) -> str:
    """The whole picture as one HTML document, with an end of line after the last."""
    # The style element of the drawing stands in the page, too, and needs its own hash.
    styles = f"{_hash(_PAGE_STYLE)} {_hash(f'{_LINE_END}{STYLE}')}"
    policy = f"default-src 'none'; script-src {_hash(_SCRIPT)}; style-src {styles}"
    return f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{safe(picture.title)}</title>
<style>{_PAGE_STYLE}</style>
</head>
<body>
{picture_as_svg(picture)}<div id="told" role="status" hidden></div>
<script>{_SCRIPT}</script>
</body>
</html>
"""


_LINE_END = "\n"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
