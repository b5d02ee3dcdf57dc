#!/usr/bin/env python3
"""Tests the page of `deeprec serve` in a browser: types, clicks, reads. usage: page_test.py PROGRAM [SCREENSHOTS]

Drives Chromium by chromedriver (Debian: chromium chromium-driver), with nothing but Python's own library. Without the
two it says so and returns 77, which CTest counts as skipped. With a directory SCREENSHOTS it keeps pictures there.
"""
import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ENTER, DOWN, UP, RIGHT, TAB, ESCAPE = "\ue007", "\ue015", "\ue013", "\ue014", "\ue004", "\ue00c"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, ready, seconds=20):
    end = time.time() + seconds
    while time.time() < end:
        try:
            found = ready()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.1)
    sys.exit(f"FAILED: waited {seconds} s for {what}")


def send(method, url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), method=method,
                                     headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


class Browser:
    """The few words of WebDriver that are needed here."""

    def __init__(self, driver, chromium, profile):
        args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + profile]
        options = {"binary": chromium, "args": args}
        session = send("POST", driver + "/session",
                       {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.url = driver + "/session/" + session["value"]["sessionId"]

    def do(self, method, path, body=None):
        return send(method, self.url + path, body)["value"]

    def js(self, script, *args):
        return self.do("POST", "/execute/sync", {"script": script, "args": list(args)})

    def type(self, selector, text):
        element = self.do("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
        self.do("POST", f"/element/{element}/value", {"text": text})

    def keys(self, text):
        """To whatever has the focus."""
        actions = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def focus(self):
        """The id of what has the focus, or what it is called."""
        return self.js("const e = document.activeElement; return e.id || e.getAttribute('aria-label') || e.tagName")

    def texts(self, selector):
        return self.js("return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector)

    def size(self, width, height):
        self.do("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}})

    def dark(self, on):
        self.do("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": "dark" if on else "light"}]}})

    def picture(self, path):
        if SHOTS:
            pathlib.Path(SHOTS, path).write_bytes(base64.b64decode(self.do("GET", "/screenshot")))


def check(what, condition, seen):
    if not condition:
        sys.exit(f"FAILED: {what}; the page has {seen!r}")


# What overlaps: pairs of elements with text of their own whose boxes cut each other.
OVERLAPS = """
const own = [...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !["SCRIPT", "STYLE", "OPTION", "TITLE"].includes(e.tagName) &&
  [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
const found = [];
const boxes = own.map(e => { const r = document.createRange(); r.selectNodeContents(e); return [...r.getClientRects()].filter(b => b.width > 1 && b.height > 1); });
for (let i = 0; i < own.length; ++i)
  for (let j = i + 1; j < own.length; ++j) {
    if (own[i].contains(own[j]) || own[j].contains(own[i])) continue;
    for (const a of boxes[i]) for (const b of boxes[j])
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
        { found.push(own[i].textContent + " | " + own[j].textContent); break; }
  }
return [...new Set(found)].slice(0, 5);
"""


def make_bundles(program):
    """30 items in a ring, each followed by the next, in three genres; bundles of two baselines."""
    with open("events.csv", "w") as events:
        events.write("user_id,sku,timestamp\n")
        for user in range(60):
            for t in range(10):
                events.write(f"u{user},i{(user + t) % 30 + 1},{1700000000 + 1000 * t + user}\n")
    with open("items.csv", "w") as items:
        items.write("sku,title,genres\n")
        for i in range(1, 31):
            items.write(f"i{i},Film number {i},{['Drama', 'Comedy', 'Drama|Crime'][i % 3]}\n")
    run = lambda *args: subprocess.run([program, *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    run("prepare", "events.csv", "--items", "items.csv", "-o", "data.deeprec")
    run("train", "data.deeprec", "-o", "markov.deeprec", "--recipe", "markov")
    run("train", "data.deeprec", "-o", "knn.deeprec", "--recipe", "item-knn")
    run("train", "data.deeprec", "-o", "rnn.deeprec", "--recipe", "rnn", "--epochs", "2", "--width", "16", "--hidden", "16")
    for name in ("markov", "rnn"):
        run("report", "data.deeprec", name + ".deeprec", "-o", name + ".html", "--people", "4")


def test_page(browser, url):
    browser.size(1280, 1000)
    browser.do("POST", "/url", {"url": url})
    first = lambda: browser.texts("#lists > div:first-child .title")
    check("a list of what is popular", len(wait_for("the first list", first)) == 10, first())
    # by keyboard alone: the search box has the focus
    browser.keys("number 10")
    wait_for("what is found", lambda: browser.texts("#found li") == ["Film number 10"])
    browser.picture("page-found.png")
    browser.keys(ENTER)
    wait_for("film 11 after film 10", lambda: first() and first()[0].startswith("Film number 11"))
    check("the history", browser.texts("#history li span") == ["Film number 10"], browser.texts("#history li span"))
    check("reasons", "because of Film number 10" in browser.texts(".reason span"), browser.texts(".reason span"))
    check("two models side by side", len(browser.texts("#lists h3")) == 2, browser.texts("#lists h3"))
    check("films that both have are marked", "in both" in browser.texts(".both"), browser.texts(".both"))
    for width, height in ((1280, 1000), (380, 900)):
        browser.size(width, height)
        for dark in (False, True):
            browser.dark(dark)
            check(f"no text overlaps at {width}", browser.js(OVERLAPS) == [], browser.js(OVERLAPS))
            wide = browser.js("return document.documentElement.scrollWidth")
            check(f"nothing is wider than {width}", wide <= width, wide)
            browser.picture(f"page-{width}{'-dark' if dark else ''}.png")
        browser.dark(False)
    browser.size(1280, 1000)
    # by Tab from the search box on: the user, the history's buttons, the filter, the slider, the first item's button
    def tab_to(*stops):
        for stop in stops:
            browser.keys(TAB)
            check(f"Tab goes to {stop}", browser.focus() == stop, browser.focus())

    check("the search box has the focus again", browser.focus() == "search", browser.focus())
    tab_to("user", "Remove Film number 10", "clear", "filter-genres")
    browser.keys(DOWN * 3)
    crime = {f"Film number {i} i{i}" for i in range(2, 31, 3)}
    wait_for("films of one genre alone", lambda: first() and {t.replace(" in both", "") for t in first()} <= crime)
    browser.keys(UP * 3)
    wait_for("all films again", lambda: first() and first()[0].startswith("Film number 11"))
    tab_to("diversity")
    browser.keys(RIGHT * 9)
    wait_for("the diversity that is shown", lambda: browser.texts("#much") == ["0.9"])
    wait_for("the list", lambda: len(first()) == 10)
    tab_to("Items similar to " + browser.texts("#lists > div:first-child .title")[0].split(" i")[0])
    browser.keys(ENTER)
    wait_for("similar films", lambda: browser.texts("#head")[0].startswith("Similar to Film number"))
    check("the way back has the focus", browser.focus() == "back", browser.focus())
    browser.keys(ENTER)
    wait_for("the list again", lambda: browser.texts("#head") == ["Recommended"])
    browser.keys("number 1")
    wait_for("several that are found", lambda: len(browser.texts("#found li")) > 2)
    browser.keys(ESCAPE)
    wait_for("none of them after Escape", lambda: browser.texts("#found li") == [])
    tab_to("user", "Remove Film number 10", "clear")
    browser.keys(ENTER)
    wait_for("what is popular again", lambda: browser.texts("#head") == ["Popular now"])
    browser.keys("film number 1")
    wait_for("those that are found", lambda: browser.texts("#found li")[:1] == ["Film number 1"])
    browser.keys(DOWN + ENTER)
    wait_for("the second of them", lambda: len(browser.texts("#history li span")) == 1)
    check("which is not the first", browser.texts("#history li span") != ["Film number 1"], browser.texts("#history li span"))
    tab_to("user")
    browser.keys("nobody" + ENTER)
    wait_for("a word about the unknown user", lambda: browser.texts("#say") == ["Not known: nobody"])
    origins = browser.js("return performance.getEntriesByType('resource').map(r => r.name)")
    check("all comes from the server itself", origins and all(name.startswith(url) for name in origins), origins)
    errors = [e for e in browser.do("POST", "/se/log", {"type": "browser"}) if e["level"] == "SEVERE"]
    check("no error on the console", not errors, errors)


def test_report(browser, name, cards):
    for width in (1280, 380):
        browser.size(width, 1000)
        browser.do("POST", "/url", {"url": pathlib.Path(name + ".html").absolute().as_uri()})
        check("the bundle's name", browser.texts("h1") == [name + ".deeprec"], browser.texts("h1"))
        check("four people", len(browser.texts("ol.did")) == 4, len(browser.texts("ol.did")))
        check(f"cards {cards}", [t for t in browser.texts("h3") if not t.startswith("u")] == cards, browser.texts("h3"))
        check("a bar for each model twice", len(browser.js("return [...document.querySelectorAll('svg[aria-label^=Coverage] rect')]")) == 10, "")
        table = browser.js("const t = document.querySelector('.scroll'); return [t.scrollWidth, t.clientWidth]")
        check("the table is seen whole on a wide screen", width < 1000 or table[0] <= table[1], table)
        height = browser.js("return document.documentElement.scrollHeight")
        for dark in (False, True):
            browser.dark(dark)
            check(f"no text overlaps at {width}", browser.js(OVERLAPS) == [], browser.js(OVERLAPS))
            wide = browser.js("return document.documentElement.scrollWidth")
            check(f"nothing is wider than {width}", wide <= width, wide)
            browser.size(width, height)
            browser.picture(f"report-{name}-{width}{'-dark' if dark else ''}.png")
            browser.size(width, 1000)
    check("nothing comes from elsewhere", browser.js("return performance.getEntriesByType('resource').length") == 0, "")


def main():
    program = os.path.abspath(sys.argv[1])
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not chromedriver:
        print("SKIPPED: the page is tested with Chromium alone; apt-get install chromium chromium-driver")
        return 77
    port, driver_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_bundles(program)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen([program, "serve", "markov.deeprec", "knn.deeprec", "--port", str(port)], **quiet)
        driver = subprocess.Popen([chromedriver, f"--port={driver_port}"], **quiet)
        browser = None
        try:
            wait_for("the server", lambda: send("GET", f"http://127.0.0.1:{port}/healthz"))
            wait_for("chromedriver", lambda: send("GET", f"http://127.0.0.1:{driver_port}/status"))
            browser = Browser(f"http://127.0.0.1:{driver_port}", chromium, os.path.join(folder, "profile"))
            test_page(browser, f"http://127.0.0.1:{port}/")
            test_report(browser, "markov", ["Coverage", "Popularity"])
            test_report(browser, "rnn", ["loss", "val_ndcg@10", "Coverage", "Popularity", "Observed"])
        finally:
            if browser:
                browser.do("DELETE", "")
            for process in (server, driver):
                process.terminate()
                process.wait()
            os.chdir("/")
    print("The page and the report: all passed")
    return 0


SHOTS = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
if __name__ == "__main__":
    sys.exit(main())
