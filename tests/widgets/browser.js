/**
 * Debian's browsers under playwright-core, as root, and provably without any network: Chromium, or
 * Firefox if VECHE_BROWSER says so.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The one Node project of the repository has what we need.
const packages = createRequire(new URL("../../appservices/widgets/package.json", import.meta.url));
/** @type {typeof import("playwright-core")} */
const { chromium, firefox } = packages("playwright-core");

/** axe by itself, for one document: in a third of the time that AxeBuilder takes. */
export const AXE = readFileSync(packages.resolve("axe-core/axe.min.js"), "utf-8");

const FIREFOX = process.env.VECHE_BROWSER === "firefox";

const ARGS = [
    "--no-sandbox", // root has no user namespace sandbox
    "--disable-gpu",
    // Two processes less, which have nothing to draw with and nobody to speak to: a page opens in two thirds of the time.
    "--in-process-gpu",
    "--enable-features=NetworkServiceInProcess2",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
];

/** @returns {Promise<import("playwright-core").Browser>} */
export const launch = () => (FIREFOX ? launchFirefox() : launchChromium());

/**
 * Chromium, whichever browser the tests are for, whose camera shows a film, and which lets every page
 * use it that may ask.
 * @param {string} film
 */
export const launchFilming = (film) =>
    launchChromium(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        `--use-file-for-fake-video-capture=${film}`,
    );

/** Chromium with all that it shows outside its pages, which its headless shell refuses. */
export const launchWhole = () =>
    chromium.launch({ executablePath: process.env.CHROMIUM_WHOLE, headless: true, args: ARGS });

const launchChromium = (/** @type {string[]} */ ...more) =>
    chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        headless: true,
        args: [...ARGS, ...more],
    });

// An unpatched Firefox, spoken to by WebDriver BiDi. A proxy that is not there takes what is not local.
const launchFirefox = () =>
    firefox.launch({
        channel: "moz-firefox",
        executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
        headless: true,
        firefoxUserPrefs: {
            "network.proxy.type": 1,
            "network.proxy.socks": "127.0.0.1",
            "network.proxy.socks_port": 9,
            "network.proxy.no_proxies_on": "127.0.0.1, localhost",
            "network.proxy.allow_hijacking_localhost": false,
        },
    });
