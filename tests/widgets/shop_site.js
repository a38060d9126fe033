/**
 * A shop's own page at http://127.0.0.1, while the pages are at http://localhost: another site. It is
 * the sample of docs/guides/merchants/own-page.md, with the addresses of the test.
 */
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { BASE } from "./harness.js";
import { after } from "./registry.js";

const GUIDE = path.join(import.meta.dirname, "../../docs/guides/merchants/own-page.md");

const EMPTY = '<!doctype html><link rel="icon" href="data:,"><title>A client</title><body>';

/** @type {http.Server[]} */
const servers = [];

after(() => {
    for (const server of servers) {
        server.closeAllConnections();
        server.close();
    }
});

/** @param {RegExp} pattern @returns {Promise<string>} a sample of the guide */
export async function sample(pattern) {
    const found = pattern.exec(await readFile(GUIDE, "utf-8"))?.[1];
    if (!found) throw new Error(`no ${pattern} in ${GUIDE}`);
    return found;
}

/**
 * @param {string} payUrl
 * @param {string} [digest] that the page asks of the script
 * @returns {Promise<string>} where the page is that has it paid
 */
export async function shopPage(payUrl, digest) {
    const tag = digest ? await sample(/```\n(<script [^]*?)```/) : "";
    const html = (tag.replace("sha384-…", digest ?? "") + (await sample(/```html\n([^]*?)```/)))
        .replace("https://bank.example.org/pay#…", payUrl)
        .replaceAll("https://bank.example.org", BASE);
    const policy = `default-src 'none'; script-src 'unsafe-inline' ${BASE}; connect-src ${BASE}`;
    const server = http.createServer((request, response) => {
        const isClient = request.url === "/client"; // an empty page, for frames
        const isPage = request.url === "/";
        response.writeHead(isPage || isClient ? 200 : 204, {
            "Content-Type": "text/html; charset=utf-8",
            ...(isPage && { "Content-Security-Policy": policy }),
        });
        response.end(isPage ? html : isClient ? EMPTY : "");
    });
    servers.push(server);
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    return `http://127.0.0.1:${port}/`;
}
