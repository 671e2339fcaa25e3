"""Reads a page as a parser does: every tag closes, every link leads to an id of the page, nothing loads, and nothing runs
but the one script whose hash the page's own policy names."""
import base64, gzip, hashlib, json, re, sys
from html.parser import HTMLParser
text = open(sys.argv[1], encoding="utf-8").read()
FORBIDDEN = ("img", "iframe", "object", "embed", "link", "form", "base", "audio", "video", "source", "use", "image")
class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.policy, self.styles, self.scripts, self.data = [], [], [], None, [], [], []
    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert tag not in FORBIDDEN, tag
        assert not any(name.startswith("on") or name in ("src", "style", "srcset", "xlink:href") for name in attributes), attributes
        if tag == "script":
            assert set(attributes) <= {"type", "id"} and attributes.get("type") in (None, "application/octet-stream"), attributes
            (self.data if attributes else self.scripts).append("")
        if "id" in attributes: self.ids.append(attributes["id"])
        if "href" in attributes: self.links.append(attributes["href"])
        if attributes.get("http-equiv") == "Content-Security-Policy": self.policy = attributes["content"]
        if tag not in ("meta", "br", "input"): self.open.append((tag, attributes))
    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag, tag
    def handle_data(self, data):
        tag, attributes = self.open[-1] if self.open else ("", {})
        if tag == "style": self.styles.append(data)
        if tag == "script": (self.data if attributes else self.scripts)[-1] += data
page = Page()
page.feed(text)
page.close()
assert page.open == [], page.open
assert len(set(page.ids)) == len(page.ids), "an id stands twice"
assert page.links and all(link.startswith("#") and link[1:] in page.ids for link in page.links), page.links
digest = lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
style, (script,), (data,) = "".join(page.styles), page.scripts, page.data
policy = dict(part.strip().split(" ", 1) for part in page.policy.split(";"))
assert policy == {
    "default-src": "'none'", "style-src": f"'sha256-{digest(style)}'", "script-src": f"'sha256-{digest(script)}'",
    "base-uri": "'none'", "form-action": "'none'",
}, policy
assert not re.search(r"url\(|@import|https?://", style), "a style that loads"
assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\bfetch\b|XMLHttpRequest|https?://", script), "a script that could"
packed = json.loads(gzip.decompress(base64.b64decode(data, validate=True)))
assert all(len(column["rows"]) == len(packed["columns"][0]["rows"]) for column in packed["columns"])
print(json.dumps({"rows": len(packed["columns"][0]["rows"]), "policies": len(packed["policies"])}))
