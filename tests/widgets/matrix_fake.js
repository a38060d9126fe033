/**
 * A homeserver for the app that says whatever a test wants: what no client would send, what another
 * homeserver could make up, and what is lost on the way. The app is signed in to it from the start.
 *
 * @typedef {Record<string, any>} Event
 * @typedef {{status: number, body?: unknown}} Answer status 0: the connection is lost
 * @typedef {(call: {path: string, body: any, method: string}) => Answer | undefined | Promise<Answer | undefined>} Teller
 */
import { generateKeyPairSync, sign } from "node:crypto";
import { APP } from "./harness.js";

const HOMESERVER = "https://homeserver.test";
export const ME = "@ann:localhost";
export const FRIEND = "@ben:localhost";
export const BOT = "@veche_org_records:localhost";
const SYNC = "/unstable/org.matrix.simplified_msc3575/sync";
const POLL_MS = 10_000;
const HEADERS = { "access-control-allow-origin": "*" };

const SITE = {
    homeserver_url: HOMESERVER,
    server_name: "localhost",
    name: { en: "Town" },
    notice: {},
    registration: "open",
    has_push: false,
};

const unpadded = (/** @type {Buffer} */ bytes) => bytes.toString("base64").replace(/=+$/, "");

/** A cross-signing identity that another device made, as `/keys/query` tells it. @param {string} [user] */
export function identityOf(user = ME) {
    const pairs = ["master", "self_signing", "user_signing"].map((usage) => {
        const { publicKey, privateKey } = generateKeyPairSync("ed25519");
        const id = unpadded(publicKey.export({ format: "der", type: "spki" }).subarray(-32));
        return { usage, privateKey, id, name: `ed25519:${id}` };
    });
    const [master] = pairs;
    const keys = pairs.map(({ usage, id, name }) => {
        const key = { keys: { [name]: id }, usage: [usage], user_id: user }; // canonical as it stands
        if (!master || usage === "master") return [`${usage}_keys`, { [user]: key }];
        const signature = unpadded(sign(null, Buffer.from(JSON.stringify(key)), master.privateKey));
        const signatures = { [user]: { [master.name]: signature } };
        return [`${usage}_keys`, { [user]: { ...key, signatures } }];
    });
    return Object.fromEntries(keys);
}

export class MatrixFake {
    constructor() {
        /** What was asked, oldest first. @type {{path: string, body: any, method: string}[]} */
        this.heard = [];
        /** Identities, as `identityOf` makes one; nothing: there is none. @type {Record<string, any>} */
        this.identity = {};
        /** Answers before the usual ones, if it answers. @type {Teller} */
        this.tell = () => undefined;
        this._id = 0;
        this._pos = 0;
        /** Rooms by id. @type {Record<string, any>} */
        this._atStart = {};
        /** Extensions of the next answer. @type {Record<string, any>} */
        this.extensions = {};
        /** Answers to come, each with rooms by id. @type {Record<string, any>[]} */
        this._answers = [];
        /** @type {() => void} */
        this._wake = () => {};
    }

    /**
     * @param {import("./harness.js").Opened} opened with service workers blocked
     * @param {{isSignedIn?: boolean}} [options]
     */
    async serve({ context, page }, { isSignedIn = true } = {}) {
        await context.route(`${HOMESERVER}/**`, async (route) => {
            const request = route.request();
            const { pathname, searchParams } = new URL(request.url());
            const path = pathname.replace(/^\/_matrix\/client/, "");
            const said = { path, method: request.method(), body: request.postDataJSON() };
            this.heard.push(said);
            if (path === SYNC && !searchParams.has("pos")) this._answers = [this._atStart];
            const { status, body } = (await this.tell(said)) ?? (await this._usual(said));
            if (!status) return route.abort();
            await route.fulfill({ status, json: body, headers: HEADERS }).catch(() => {});
        });
        await context.route(`${APP}/_veche/**`, (route) => {
            const isSite = route.request().url().endsWith("/site");
            const json = isSite ? SITE : { errcode: "M_FORBIDDEN", offices: [], services: [] };
            return route.fulfill({ status: isSite ? 200 : 404, json });
        });
        if (!isSignedIn) return;
        await page.goto(`${APP}/#/help`);
        await page.evaluate(keepSession, [ME, HOMESERVER]);
        await page.goto("about:blank"); // what is opened next begins with it
    }

    /** @param {{path: string, body: any, method: string}} said @returns {Promise<Answer>} */
    async _usual({ path, method, body }) {
        if (path === SYNC) return { status: 200, body: await this._sync() };
        if (path === "/versions") return answer({ versions: ["v1.11"] });
        if (path === "/v3/keys/upload")
            return answer({ one_time_key_counts: { signed_curve25519: 50 } });
        if (path === "/v3/keys/query") {
            const device_keys = Object.fromEntries(
                Object.keys(body.device_keys).map((user) => [user, {}]),
            );
            return answer({ device_keys, ...this.identity });
        }
        if (path === "/v3/keys/claim") return answer({ one_time_keys: {} });
        if (path === "/v3/login") return answer({ flows: [{ type: "m.login.password" }] });
        if (path === "/v3/pushrules/") return answer({ global: {} });
        if (path.includes("/send/") || path.includes("/redact/"))
            return answer({ event_id: `$sent${(this._id += 1)}` });
        if (path.endsWith("/messages")) return answer({ chunk: [], start: "a" });
        if (path.endsWith("/members")) return answer({ chunk: [] });
        if (path.endsWith("/joined_members")) return answer({ joined: {} });
        if (method === "GET") return { status: 404, body: { errcode: "M_NOT_FOUND" } };
        return answer({});
    }

    async _sync() {
        if (!this._answers.length && this._pos)
            await new Promise((resolve) => {
                this._wake = () => resolve(undefined);
                setTimeout(resolve, POLL_MS);
            });
        const rooms = this._answers.shift() ?? {};
        const lists = { rooms: { count: 5 } };
        const { extensions } = this;
        this.extensions = {};
        return { pos: String((this._pos += 1)), lists, rooms, extensions };
    }

    /** @param {Partial<Event>} more @returns {Event} */
    event(more) {
        const event_id = `$e${(this._id += 1)}`;
        const base = {
            event_id,
            sender: FRIEND,
            origin_server_ts: Date.now(),
            type: "m.room.message",
        };
        return { ...base, unsigned: {}, content: {}, ...more };
    }

    /** @param {string} body @param {Partial<Event>} [more] */
    text = (body, more) => this.event({ content: { msgtype: "m.text", body }, ...more });

    /** @param {string} type @param {Record<string, any>} content @param {Partial<Event>} [more] */
    state = (type, content, more) => this.event({ type, content, state_key: "", ...more });

    /** @param {string} user @param {Partial<Event>} [more] */
    member = (user, more) =>
        this.state(
            "m.room.member",
            { membership: "join", displayname: user.slice(1, 4) },
            { sender: user, state_key: user, ...more },
        );

    /**
     * A room of mine.
     * @param {string} id
     * @param {{state?: Event[], timeline?: Event[], people?: string[], more?: Record<string, any>}} [has]
     */
    room(id, { state = [], timeline = [], people = [FRIEND], more = {} } = {}) {
        const [creator = FRIEND] = people;
        const made = this.state("m.room.create", { room_version: "11" }, { sender: creator });
        const members = [ME, ...people].map((user) => this.member(user));
        const joined_count = members.length;
        const heroes = people.map((user_id) => ({ user_id, displayname: user_id.slice(1, 4) }));
        const required_state = [made, ...members, ...state];
        const counts = { joined_count, invited_count: 0, heroes, prev_batch: "p" };
        this._give(id, { initial: true, required_state, timeline, ...counts, ...more });
    }

    /** @param {string} id @param {Event[]} timeline @param {Record<string, any>} [more] */
    more(id, timeline, more) {
        const given = { required_state: [], num_live: timeline.length, timeline, ...more };
        this._give(id, given);
    }

    /** @param {string} id @param {string} inviter @param {Event[]} [state] */
    invite(id, inviter, state = []) {
        const me = { membership: "invite", is_direct: true };
        const asked = this.state("m.room.member", me, { sender: inviter, state_key: ME });
        this._give(id, {
            initial: true,
            invite_state: [...state, asked],
            required_state: [],
            timeline: [],
        });
    }

    /** @param {string} id @param {Record<string, any>} data */
    _give(id, data) {
        if (data.initial) this._atStart[id] = data;
        const last = this._answers.at(-1);
        if (last && !(id in last)) last[id] = data;
        else this._answers.push({ [id]: data });
        this._wake();
    }
}

/** @param {unknown} body @returns {Answer} */
export const answer = (body) => ({ status: 200, body });

/** @param {string[]} who */
async function keepSession([userId, baseUrl]) {
    const script = /** @type {HTMLScriptElement} */ (document.querySelector("script[type=module]"));
    const files = script.src.replace(/main\.js$/, "");
    const session = await import(`${files}account/session.js`);
    await session.keepSession({
        ...{ baseUrl, userId, deviceId: "DEVICE", accessToken: "token" },
        storeKey: crypto.getRandomValues(new Uint8Array(32)),
    });
}
