/**
 * A homeserver that does what real ones do rarely: single sign-on without a provider, being slow,
 * limits, accounts that were closed. Signing in at a real one is tested in the house.
 *
 * @typedef {{status: number, body: unknown}} Answer
 */
import http from "node:http";
import { after } from "./registry.js";

const CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
};
/** @type {http.Server[]} */
const servers = [];

after(() => {
    for (const server of servers) {
        server.closeAllConnections();
        server.close();
    }
});

/**
 * @param {Record<string, Answer | "never" | ((query: URLSearchParams) => string)>} table answers by
 *     "GET /path"; never: no answer comes; a function gives an address to go to
 * @returns {Promise<{name: string, heard: {call: string, authorization: string | undefined, body: any}[]}>}
 *     name: its server name
 */
export async function homeserver(table) {
    /** @type {{call: string, authorization: string | undefined, body: any}[]} */
    const heard = [];
    /** @type {Record<string, Answer | "never" | ((query: URLSearchParams) => string)>} */
    const answers = {
        "GET /_matrix/client/versions": { status: 200, body: { versions: ["v1.11"] } },
        ...table,
    };
    const server = http.createServer(async (request, response) => {
        const url = new URL(request.url ?? "", "http://localhost");
        const call = `${request.method} ${url.pathname}`;
        let text = "";
        for await (const part of request) text += part;
        if (request.method === "OPTIONS") {
            response.writeHead(204, CORS).end();
            return;
        }
        const { authorization } = request.headers;
        heard.push({ call, authorization, body: text ? JSON.parse(text) : undefined });
        const answer = answers[call] ?? { status: 404, body: { errcode: "M_UNRECOGNIZED" } };
        if (answer === "never") return;
        if (typeof answer === "function") {
            response.writeHead(302, { Location: answer(url.searchParams) }).end();
            return;
        }
        response.writeHead(answer.status, { ...CORS, "Content-Type": "application/json" });
        response.end(JSON.stringify(answer.body));
    });
    servers.push(server);
    await new Promise((resolve) => {
        server.listen(0, "127.0.0.1", () => resolve(undefined));
    });
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    return { name: `localhost:${port}`, heard };
}

/** @param {...string} types @returns {Answer} ways to sign in */
export function flows(...types) {
    return { status: 200, body: { flows: types.map((type) => ({ type })) } };
}
