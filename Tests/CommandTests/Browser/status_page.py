"""Checks a status page in headless Chromium, at three widths, light and dark.

usage: status_page.py URL FOLDER [RULED]

Writes a screenshot of each rendering into FOLDER and prints one line per problem: console messages, requests other than
the page's own, text that is cut off or makes the page scroll sideways, and axe-core's violations. Because axe-core is
slow on long pages, it checks only the last RULED renderings.
"""

import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

WIDTHS = (390, 768, 1440)
SCHEMES = ("light", "dark")

# Elements whose content is wider than they are, except those that scroll.
CUT_OFF = """() => {
  const cut = [];
  if (document.documentElement.scrollWidth > window.innerWidth) cut.push('the page scrolls sideways');
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('.scroll, svg')) continue;
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline')
      cut.push(`${element.tagName} is cut off: ${element.textContent.trim().slice(0, 60)}`);
  }
  return cut;
}"""


def look(browser, url, folder, width, scheme, is_ruled):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    found = []
    page.on("console", lambda message: found.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: found.append(f"error: {error}"))
    page.on("request", lambda request: request.url != url and found.append(f"request: {request.url}"))
    response = page.goto(url)
    if response.status != 200:
        found.append(f"status {response.status}")
    page.screenshot(path=f"{folder}/{width}-{scheme}.png", full_page=True)
    # Collapsed parts are checked too, but only a few, because the accounts do not differ in them.
    page.eval_on_selector_all("details", "all => all.slice(0, 5).forEach(each => each.open = true)")
    found += page.evaluate(CUT_OFF)
    for violation in Axe().run(page).response["violations"] if is_ruled else []:
        nodes = violation["nodes"]
        found.append(f"axe {violation['id']}, {len(nodes)} times: {nodes[0]['html'][:160]} {nodes[0]['failureSummary']}")
    context.close()
    return [f"{width} {scheme}: {each}" for each in found]


def main(url, folder, ruled=6):
    looks = [(width, scheme) for width in WIDTHS for scheme in SCHEMES]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for number, (width, scheme) in enumerate(looks):
            for line in look(browser, url, folder, width, scheme, number >= len(looks) - int(ruled)):
                print(line.replace("\n", " "))
        browser.close()
        print("looked at", len(looks))


main(*sys.argv[1:])
