/** Debian's Chromium under playwright-core, as root, and provably without any network. */
import { createRequire } from "node:module";

// The one Node project of the repository has what we need.
const packages = createRequire(new URL("../../appservices/widgets/package.json", import.meta.url));
/** @type {typeof import("playwright-core")} */
const { chromium } = packages("playwright-core");
/** @type {{default: typeof import("@axe-core/playwright").default}} */
const axe = packages("@axe-core/playwright");

export const AxeBuilder = axe.default;

export const launch = () =>
    chromium.launch({
        executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
        headless: true,
        args: [
            "--no-sandbox", // root has no user namespace sandbox
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
        ],
    });
