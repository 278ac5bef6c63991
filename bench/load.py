"""Many people at once: signs users of several roles in at a running demo and lets them look, search and edit for a while.

    python3 bench/load.py --url http://127.0.0.1:8080 --users 200 --seconds 60 --think 1.0

Each user thinks (exponentially distributed, mean `--think` seconds), then opens a page, or edits a household through its
form. Nothing but the standard library. Prints p50, p95, p99 and the longest time in milliseconds of reads and writes, and
every answer that was none. A write that another user came before (409) is counted apart: it is what the site should say.
"""

import argparse
import asyncio
import html.parser
import json
import random
import time
import urllib.parse

PASSWORD = "all the people of the demo"
# Role → how many of ten users hold it. None of them needs a second factor.
ROLES = {"village_clerk": 2, "township_officer": 2, "banner_office": 3, "league_office": 2, "auditor": 1}
EDITORS = {"township_officer", "banner_office", "league_office"}


class Form(html.parser.HTMLParser):
    """The fields of the form that is sent to an address, as a browser would send them."""

    def __init__(self, action):
        super().__init__()
        self.action, self.inside, self.fields, self.select, self.area = action, False, [], None, None

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        if tag == "form":
            self.inside = a.get("method", "").lower() == "post" and a.get("action", self.action).split("?")[0] == self.action
        if not self.inside:
            return
        if tag == "input" and a.get("name") and a.get("type") not in ("submit", "file", "button"):
            if a.get("type") not in ("checkbox", "radio") or "checked" in a:
                self.fields.append([a["name"], a.get("value") or ""])
        elif tag == "select":
            self.select = a.get("name")
        elif tag == "option" and self.select and "selected" in a:
            self.fields.append([self.select, a.get("value", "")])
        elif tag == "textarea":
            self.area = [a.get("name"), ""]

    def handle_data(self, data):
        if self.area:
            self.area[1] += data

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.select = None
        elif tag == "textarea" and self.area:
            self.fields.append(self.area)
            self.area = None


class Links(html.parser.HTMLParser):
    def __init__(self, beginning):
        super().__init__()
        self.beginning, self.found = beginning, []

    def handle_starttag(self, tag, attributes):
        link = (dict(attributes).get("href") or "").split("?")[0]
        if tag == "a" and link.startswith(self.beginning):
            self.found.append(link)


class User:
    """A person with a browser: one connection that is kept, one cookie."""

    def __init__(self, host, port, role, number):
        self.host, self.port, self.role = host, port, role
        self.random = random.Random(number)
        self.reader = self.writer = None
        self.cookie, self.households = "lang=en", []

    async def ask(self, method, path, form=None):
        """Status, headers, body and milliseconds."""
        if self.writer is None or self.writer.is_closing():
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 24)
        body = urllib.parse.urlencode(form).encode() if form is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nCookie: {self.cookie}\r\nUser-Agent: load\r\n"
        if form is not None:
            head += f"Origin: http://{self.host}:{self.port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            head += f"Content-Length: {len(body)}\r\n"
        begun = time.perf_counter()
        self.writer.write(head.encode() + b"\r\n" + body)
        await self.writer.drain()
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        lines = raw.split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            if ": " in line:
                name, value = line.split(": ", 1)
                headers[name.lower()] = value
        if headers.get("transfer-encoding") == "chunked":
            parts = []
            while True:
                size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
                part = await self.reader.readexactly(size + 2)
                if size == 0:
                    break
                parts.append(part[:-2])
            content = b"".join(parts)
        else:
            content = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return status, headers, content.decode("utf-8", "replace"), (time.perf_counter() - begun) * 1e3

    async def sign_in(self):
        status, headers, _, _ = await self.ask("POST", "/sign-in", {"login": self.role, "password": PASSWORD, "next": "/"})
        assert status in (302, 303) and "set-cookie" in headers, f"{self.role} cannot sign in: {status}"
        self.cookie = "lang=en; " + headers["set-cookie"].split(";")[0]
        # Users look at different pages of the list; those of a village have only one.
        for offset in (50 * self.random.randrange(40), 0):
            _, _, page, _ = await self.ask("GET", f"/registry/household?offset={offset}")
            links = Links("/registry/household/")
            links.feed(page)
            self.households = [link for link in links.found if link.rsplit("/", 1)[1].isdigit()]
            if self.households:
                break
        assert self.households, f"{self.role} sees no households"

    async def read(self):
        household = self.random.choice(self.households)
        paths = [household, household, household, "/registry/household", "/work", "/", "/policy/clause/C05-05",
                 "/registry/household?q=" + urllib.parse.quote(self.random.choice(["wang", "乌云", "li", "bate"])),
                 household + "/why/identified_poor", household + "/history", "/public", "/proposals", "/registry/person"]
        path = self.random.choice(paths)
        status, _, _, took = await self.ask("GET", path)
        name = path.split("?")[0].replace(household, "household")
        return ("read", name, status, took)

    async def write(self):
        path = self.random.choice(self.households) + "/edit"
        status, _, page, took = await self.ask("GET", path)
        if status != 200:
            return [("read", "edit", status, took)]
        form = Form(path)
        form.feed(page)
        fields = [field for field in form.fields if field[0] != "reason"]
        for field in fields:
            if field[0] == "v.phone":
                field[1] = "1380000" + f"{self.random.randrange(10000):04}"
        sent = [(name, value) for name, value in fields] + [("reason", "telephone by visit")]
        written, _, answer, spent = await self.ask("POST", path, sent)
        if written == 422:
            raise SystemExit(f"{path}: the form was refused\n{answer[:2000]}")
        return [("read", "edit", status, took), ("write", "edit", written, spent)]

    async def live(self, until, think, share, results):
        while time.perf_counter() < until:
            await asyncio.sleep(self.random.expovariate(1 / think))
            try:
                if self.role in EDITORS and self.random.random() < share:
                    results.extend(await self.write())
                else:
                    results.append(await self.read())
            except (OSError, asyncio.IncompleteReadError) as error:
                results.append(("read", "connection", f"{error!r}", 0.0))
                self.writer = None


def at(sorted_times, part):
    return sorted_times[min(len(sorted_times) - 1, int(part * len(sorted_times)))] if sorted_times else 0.0


async def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--url", action="append", help="repeat it for several processes; users are spread over them")
    options.add_argument("--users", type=int, default=200)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--think", type=float, default=1.0)
    options.add_argument("--writes", type=float, default=0.3, help="share of writes among what editors do")
    options.add_argument("--json", help="file that the figures are written to")
    options.add_argument("--pages", action="store_true", help="figures of each page too")
    o = options.parse_args()
    urls = [urllib.parse.urlsplit(url) for url in o.url or ["http://127.0.0.1:8080"]]
    roles = [role for role, tenth in ROLES.items() for _ in range(tenth)]
    users = []
    for number in range(o.users):
        url = urls[number % len(urls)]
        users.append(User(url.hostname, url.port, roles[number % len(roles)], number))
    for user in users:
        await user.sign_in()
    results = []
    until = time.perf_counter() + o.seconds
    await asyncio.gather(*(user.live(until, o.think, o.writes, results) for user in users))
    figures = {"users": o.users, "seconds": o.seconds, "think_s": o.think, "processes": len(urls),
               "requests_per_s": round(len(results) / o.seconds, 1)}
    for kind in ("read", "write"):
        times = sorted(took for what, _, status, took in results if what == kind and status in (200, 302, 303))
        figures[kind] = {"count": len(times), **{f"p{int(100 * p)}_ms": round(at(times, p), 1) for p in (0.5, 0.95, 0.99)},
                         "longest_ms": round(times[-1], 1) if times else None}
    figures["came_second"] = sum(status == 409 for _, _, status, _ in results)
    errors = [(page, status) for _, page, status, _ in results if status not in (200, 302, 303, 409)]
    figures["errors"] = len(errors)
    print(json.dumps(figures, indent=1))
    if o.pages:
        for page in sorted({page for _, page, _, _ in results}):
            times = sorted(took for _, name, _, took in results if name == page)
            print(f"  {page:28} {len(times):6}  p50 {at(times, .5):7.1f}  p95 {at(times, .95):7.1f}  max {times[-1]:7.1f}")
    for page, status in sorted(set(errors)):
        print(f"  error: {page}: {status}")
    if o.json:
        with open(o.json, "w") as file:
            json.dump(figures, file, indent=1)


if __name__ == "__main__":
    asyncio.run(main())
