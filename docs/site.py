#!/usr/bin/env python3
"""Mends what Doxygen makes of the book, so that the site opens from disk with every link: run by ./dev docs.

Doxygen leaves links to headings of other pages, to headers and other files as they stand, takes "2. A title" for a list,
and knows no code in links. usage: site.py build/docs/html, from the repository's root. Prints links that lead nowhere.
"""
import html
import pathlib
import re
import sys


def slug(heading):
    """As GitHub names a heading."""
    text = html.unescape(re.sub(r"<[^>]*>", "", heading)).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def page_name(path):
    if path == pathlib.Path("docs/README.md"):
        return "index.html"
    return "md_" + re.sub(r"\W", "_", str(path.with_suffix(""))) + ".html"


site = pathlib.Path(sys.argv[1])
root = pathlib.Path.cwd()
sources = [pathlib.Path(p) for p in ("CONTRIBUTING.md", "CHANGELOG.md")]
sources += sorted(pathlib.Path("docs").rglob("*.md"))
pages = {(root / p).resolve(): page_name(p) for p in sources}
broken = 0


def target(source, link):
    """Where a relative link of a page leads on the site."""
    global broken
    if (site / link).exists():  # Doxygen's own
        return link
    name, _, heading = link.partition("#")
    path = (source.parent / name).resolve() if name not in ("", "this.md") else source.resolve()
    if path in pages:
        return pages[path] + ("#" + heading if heading else "")
    code = path.name.replace("_", "__").replace(".", "_8") + "_source.html"
    if path.suffix == ".hpp" and (site / code).exists():
        return code
    if path.exists():
        return "../../../" + str(path.relative_to(root))
    broken += 1
    print(f"{source}: {link} leads nowhere")
    return link


for source in sources:
    page = site / page_name(source)
    text = page.read_text()
    title = html.escape(re.sub("`", "", source.read_text().split("\n", 1)[0].lstrip("# ")), quote=False)
    text = re.sub(r'<div class="title">.*?</div>', lambda _: f'<div class="title">{title}</div>', text, 1, re.S)
    text = re.sub(r'(<a class="anchor" id="[^"]*"></a>)(\s*)(.*?)(</h\d>)',
                  lambda m: f'{m[1]}<a class="anchor" id="{slug(m[3])}"></a>{m[2]}{m[3]}{m[4]}', text, flags=re.S)
    text = re.sub(r"(<a [^>]*>[^<]*)`([^`<]*)`([^<]*</a>)", r"\1<code>\2</code>\3", text)
    text = re.sub(r"<code>[^<]*</code>", lambda m: m[0].replace("\\|", "|"), text)  # bars in tables
    relative = r'(href|src)="(?!https?:|mailto:|javascript:)([^"]*(?:/|\.md)[^"]*|[^"/.]*\.(?:hpp|cpp|py|sh|json|svg))"'
    text = re.sub(relative, lambda m: f'{m[1]}="{target(source, m[2])}"', text)
    page.write_text(text)
tree = site / "navtreedata.js"
tree.write_text(re.sub(r"</?tt>", "", tree.read_text()))
sys.exit(broken > 0)
