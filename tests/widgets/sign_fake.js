/**
 * The API of signing, answered by a desk of the test's own (`signing_desk.py`) in the real shapes:
 * for what a real service cannot be made to do at will.
 *
 * @typedef {import("playwright-core").BrowserContext} BrowserContext
 * @typedef {{method: string, path: string, body: any}} Heard
 * @typedef {(heard: Heard) => unknown} Answer JSON; a Buffer; `{status, body}` of a refusal
 */
import { answer } from "./answers.js";
import { ask } from "./control.js";

export const SESSION = "01KAV3Z8K4Q6V5W7X9Y0A1B2C3";
export const PATH = `signing/v1/sessions/${SESSION}`;

/**
 * The service refuses.
 * @typedef {{isRefused: true, status: number, body: Record<string, unknown>}} Refusal
 *
 * @param {string} errcode
 * @param {number} [status]
 * @returns {Refusal}
 */
export function refused(errcode, status = 409) {
    const body = { errcode: `ORG.VECHE.${errcode}`, error: "said by the service" };
    return { isRefused: true, status, body };
}

/** @param {unknown} given @returns {given is Refusal} */
const isRefusal = (given) => /** @type {any} */ (given)?.isRefused === true;

/** @param {Record<string, unknown>[]} keys of the person, as the service lists them @returns {Record<string, Answer>} */
export function table(keys) {
    return {
        [`GET ${PATH}`]: () => ask("session"),
        [`POST ${PATH}/view`]: () => ({}),
        [`POST ${PATH}/ask`]: ({ body }) => ask("ask_approval", { body }),
        [`POST ${PATH}/signatures`]: async ({ body }) => {
            const taken = await ask("take", { body });
            return taken.is_stale ? refused("STALE_REVISION") : taken.session;
        },
        [`POST ${PATH}/decline`]: ({ body }) => ask("decline", { body }),
        "GET signing/v1/waiting": () => ask("waiting"),
        "POST signing/v1/asks": ({ body }) => ask("ask_list", { body }),
        "POST signing/v1/certificates": ({ body }) => ask("certify", { body }),
        "POST signing/v1/tsa": async ({ body }) =>
            Buffer.from(await ask("stamp", { request: body.toString("base64") }), "base64"),
        blob: async () => Buffer.from(await ask("blob"), "base64"),
        approval: () => ({
            state: "open",
            asked: null,
            expires_at_ms: null,
            keys,
            now_ms: Date.now(),
        }),
    };
}

/** @param {string} path @param {string} method */
function nameOf(path, method) {
    if (path.startsWith("signing/v1/") && path.includes(`/${SESSION}/blobs/`)) return "blob";
    if (path.startsWith("approvals/v1/")) return "approval";
    return `${method} ${path}`;
}

/**
 * @param {BrowserContext} context
 * @param {Record<string, Answer>} answers
 * @returns {Promise<Heard[]>} all that was asked, growing
 */
export async function serve(context, answers) {
    /** @type {Heard[]} */
    const heard = [];
    await answer(context, /\/_veche\//, async (route) => {
        const request = route.request();
        const method = request.method();
        const path = new URL(request.url()).pathname.replace("/_veche/", "");
        const raw = request.postDataBuffer();
        const isJson = (request.headers()["content-type"] ?? "").includes("json");
        const body = raw && (isJson ? JSON.parse(raw.toString()) : raw);
        const one = { method, path, body };
        heard.push(one);
        const wanted = answers[nameOf(path, method)];
        const given = wanted ? await wanted(one) : refused("NOT_FOUND", 404);
        if (Buffer.isBuffer(given)) await route.fulfill({ body: given });
        else if (isRefusal(given)) await route.fulfill({ status: given.status, json: given.body });
        else await route.fulfill({ json: given });
    });
    return heard;
}
