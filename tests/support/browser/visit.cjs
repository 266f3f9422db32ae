// Opens a page in a real Chromium and writes, as JSON, what happens there.
//
//     node visit.cjs MODULES CHROMIUM PAGE FOLDER use|open
//
// MODULES has node_modules in it, PAGE is the path of the HTML file, and FOLDER is for Chromium's own files.
"use strict";
const { createRequire } = require("node:module");
const { readFileSync } = require("node:fs");
const { pathToFileURL } = require("node:url");
const [modules, chromium, file, folder, what] = process.argv.slice(2);
const fetchModule = createRequire(modules + "/");
const puppeteer = fetchModule("puppeteer-core");
const axe = readFileSync(fetchModule.resolve("axe-core/axe.min.js"), "utf8");
const address = pathToFileURL(file).href;

const DESK = { width: 1280, height: 900 };
const PHONE = { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

async function open(browser, seen, { scheme = "light", view = DESK, script = true } = {}) {
  const page = await browser.newPage();
  page.on("request", (request) => {
    if (request.url() !== address && !request.url().startsWith("data:")) seen.requests.push(request.url());
  });
  page.on("dialog", async (dialog) => {
    seen.errors.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("console", (message) => seen.errors.push(`${message.type()}: ${message.text()}`));
  await page.evaluateOnNewDocument(() => {
    window.refused = [];
    document.addEventListener("securitypolicyviolation", (event) =>
      window.refused.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`),
    );
  });
  await page.setJavaScriptEnabled(script);
  await page.setViewport(view);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(address, { waitUntil: "load" });
  return page;
}

async function leave(page, seen) {
  seen.refused.push(...(await page.evaluate(() => window.refused)));
  seen.globals.push(...(await page.evaluate(() => Object.keys(window).filter((name) => name.startsWith("hacked")))));
  await page.close();
}

// What axe has against the page. Everything is drawn, so that it can look at every colour.
async function judge(browser, seen, options) {
  const page = await open(browser, seen, options);
  await page.evaluate(() => {
    for (const part of document.querySelectorAll("details")) part.open = true;
    for (const card of document.querySelectorAll("article")) card.style.contentVisibility = "visible";
  });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  await leave(page, seen);
  return {
    violations: violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
    wide,
  };
}

const shown = () =>
  [...document.querySelectorAll("article")].filter((card) => card.offsetParent !== null).map(({ id }) => id);

// Uses the filter by keys alone, and returns which cards are shown after each step.
async function filter(browser, seen) {
  const page = await open(browser, seen);
  const steps = {};
  const settle = async (name, text) => {
    await page.waitForFunction((told) => document.getElementById("count").textContent.includes(told), {}, text);
    steps[name] = await page.evaluate(shown);
  };
  const tabTo = async (id) => {
    for (let n = 0; n < 60; n += 1) {
      if ((await page.evaluate(() => document.activeElement.id)) === id) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`the Tab key does not come to ${id}`);
  };
  await settle("all", "All");
  await tabTo("words");
  await page.keyboard.type("harbour");
  await settle("words", " of ");
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.press("Delete");
  await settle("words taken away", "All");
  await tabTo("by-decision");
  await page.keyboard.type("rej");
  await settle("rejected", " of ");
  await tabTo("show-all");
  await page.keyboard.press("Enter");
  await settle("show all", "All");
  await leave(page, seen);
  return steps;
}

async function withoutScript(browser, seen) {
  const page = await open(browser, seen, { script: false });
  const ids = await page.$$eval("article", (cards) => cards.filter((c) => c.offsetParent !== null).map(({ id }) => id));
  const form = await page.$eval("#filter", (found) => found.offsetParent !== null);
  await page.close();
  return { ids, form };
}

async function main() {
  const browser = await puppeteer.launch({
    executablePath: chromium,
    userDataDir: folder,
    args: ["--no-sandbox", "--disable-gpu", "--disable-breakpad", "--disable-crash-reporter", "--disable-dev-shm-usage"],
  });
  try {
    const seen = { requests: [], errors: [], refused: [], globals: [] };
    if (what === "open") {
      await leave(await open(browser, seen), seen);
      process.stdout.write(JSON.stringify({ seen }));
      return;
    }
    const light = await judge(browser, seen, { scheme: "light" });
    const dark = await judge(browser, seen, { scheme: "dark" });
    const phone = await judge(browser, seen, { view: PHONE });
    const steps = await filter(browser, seen);
    const still = await withoutScript(browser, seen);
    const page = await open(browser, seen);
    const pdf = (await page.pdf({ format: "A4", printBackground: false })).length;
    await leave(page, seen);
    process.stdout.write(JSON.stringify({ seen, light, dark, phone, steps, still, pdf }));
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
