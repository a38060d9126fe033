/**
 * A Matrix client that shows our widget: at http://127.0.0.1, while the pages are at
 * http://localhost. Two sites, as in life: on one, storage and popups work that do not elsewhere.
 *
 * @typedef {import("./harness.js").Opened} Opened
 */
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { BASE } from "./harness.js";
import { after } from "./registry.js";

/** The room in which host.js shows the widget. */
export const ROOM = "!case";
const FILES = new Map([
    ["/host.html", ["host/host.html", "text/html"]],
    ["/host.js", ["host/host.js", "text/javascript"]],
    ["/other.html", ["host/other.html", "text/html"]],
    ["/other.js", ["host/other.js", "text/javascript"]],
]);
const VENDOR = path.join(import.meta.dirname, "../../appservices/widgets/static/vendor");
const TEMPLATE = "?theme=$org.matrix.msc2873.client_theme&lang=$org.matrix.msc2873.client_language";

/** @type {Promise<string> | undefined} */
let origin;
/** @type {http.Server | undefined} */
let server;

after(() => {
    server?.closeAllConnections();
    server?.close();
});

/** @returns {Promise<string>} where the client is */
export function clientOrigin() {
    origin ??= new Promise((resolve) => {
        const listening = http.createServer(serve);
        server = listening;
        listening.listen(0, "127.0.0.1", () => {
            const { port } = /** @type {import("node:net").AddressInfo} */ (listening.address());
            resolve(`http://127.0.0.1:${port}`);
        });
    });
    return origin;
}

/** @param {http.IncomingMessage} request @param {http.ServerResponse} response */
async function serve(request, response) {
    const name = (request.url ?? "").split("?")[0] ?? "";
    const file = FILES.get(name);
    try {
        const [place, type] = file
            ? [path.join(import.meta.dirname, file[0] ?? ""), file[1]]
            : [path.join(VENDOR, path.normalize(name.replace(/^\/vendor/, ""))), "text/javascript"];
        const content = await readFile(place);
        response.writeHead(200, { "Content-Type": type ?? "" });
        response.end(content);
    } catch {
        response.writeHead(404).end();
    }
}

/**
 * Shows a page of ours as a widget.
 * @param {Opened} opened
 * @param {{path?: string, timeline?: unknown[], theme?: string, lang?: string, silent?: boolean,
 *     files?: Record<string, number[]>, denied?: string[]}} [options]
 *     timeline: events of the room, oldest first; files: what lies at the homeserver, by address; denied: ends of
 *     capabilities that the person does not allow; silent: the client never says a word
 */
export async function showWidget(opened, options = {}) {
    const { page } = opened;
    const widget = `${BASE}${options.path ?? "/widget"}${TEMPLATE}`;
    const query = new URLSearchParams({
        w: widget,
        theme: options.theme ?? "light",
        lang: options.lang ?? "en",
        ...(options.silent && { silent: "" }),
    });
    await page.addInitScript((given) => void Object.assign(window, given), {
        hostTimeline: options.timeline ?? [],
        hostFiles: options.files ?? {},
        hostDenied: options.denied ?? [],
    });
    await page.goto(`${await clientOrigin()}/host.html?${query}`);
    const frame = page.frameLocator("iframe").first();
    return {
        frame,
        /** Every call of the widget: ["send", type, content] and so on. */
        calls: () =>
            /** @type {Promise<any[][]>} */ (
                page.evaluate(() => /** @type {any} */ (window).host.calls)
            ),
        /** @returns {Promise<any[]>} the contents that the widget has sent */
        sent: async () => {
            const calls = await page.evaluate(() => /** @type {any} */ (window).host.calls);
            return calls
                .filter((/** @type {any[]} */ [what]) => what === "send")
                .map((/** @type {any[]} */ [, , content]) => content);
        },
        /** @param {unknown} event arrives in the room */
        feed: (event) =>
            page.evaluate((one) => /** @type {any} */ (window).host.api.feedEvent(one), event),
        /** @param {string} name the client shows another theme */
        theme: (name) =>
            page.evaluate(
                (one) => /** @type {any} */ (window).host.api.updateTheme({ name: one }),
                name,
            ),
        /** @param {string} tag the client speaks another language */
        language: (tag) =>
            page.evaluate((one) => /** @type {any} */ (window).host.api.updateLanguage(one), tag),
        /** The client refuses what the widget sends from now on. */
        refuse: () =>
            page.evaluate(() => {
                /** @type {any} */ (window).host.refuses = true;
            }),
    };
}
