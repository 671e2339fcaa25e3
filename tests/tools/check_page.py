"""Reads a page as a parser does: every tag closes, every link leads to an id of the page, nothing loads or runs."""
import base64, hashlib, re, sys
from html.parser import HTMLParser
text = open(sys.argv[1], encoding="utf-8").read()
class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.policy, self.styles = [], [], [], None, []
    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        assert tag not in ("script", "img", "iframe", "object", "embed", "link", "form", "base"), tag
        assert not any(name.startswith("on") or name in ("src", "style", "srcset") for name in attributes), attributes
        if "id" in attributes: self.ids.append(attributes["id"])
        if "href" in attributes: self.links.append(attributes["href"])
        if attributes.get("http-equiv") == "Content-Security-Policy": self.policy = attributes["content"]
        if tag not in ("meta", "br"): self.open.append(tag)
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        if self.open and self.open[-1] == "style": self.styles.append(data)
page = Page()
page.feed(text)
page.close()
assert page.open == [], page.open
assert len(set(page.ids)) == len(page.ids), "an id stands twice"
assert page.links and all(link.startswith("#") and link[1:] in page.ids for link in page.links), page.links
style = "".join(page.styles)
digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
assert f"style-src 'sha256-{digest}'" in page.policy and "default-src 'none'" in page.policy, page.policy
assert not re.search(r"url\(|@import|https?://", style), "a style that loads"
