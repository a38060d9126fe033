/**
 * The modules of the app with the real SDK and no homeserver: a page of the app in which a test calls
 * them. What `run` is given is played in the page; `lab` there makes what it needs.
 *
 * @typedef {import("./harness.js").Stage} Stage
 */
import { APP } from "./harness.js";
import { BOT, FRIEND, ME, MatrixFake } from "./matrix_fake.js";

/** @param {Stage} stage */
export async function laboratory({ open, expect }) {
    expect(/ERR_FAILED|status of 404/); // nobody answers
    const opened = await open({ serviceWorkers: "block" });
    await new MatrixFake().serve(opened, { isSignedIn: false });
    const { page } = opened;
    await page.goto(`${APP}/#/me/help`);
    await page.evaluate(prepare, { ME, FRIEND, BOT });
    /**
     * @template T
     * @param {(lab: any, given: any) => T} work whose text is played in the page
     * @param {unknown} [given] JSON
     * @returns {Promise<Awaited<T>>}
     */
    const run = (work, given) =>
        page.evaluate(`(${work})(window.lab, ${JSON.stringify(given ?? null)})`);
    return { page, run };
}

/** @param {Record<string, string>} who */
async function prepare({ ME = "", FRIEND, BOT }) {
    const script = /** @type {HTMLScriptElement} */ (document.querySelector("script[type=module]"));
    const files = script.src.replace(/app\/main\.js$/, "");
    const sdk = await import("matrix-js-sdk");
    const ROOM = "!a:localhost";
    let count = 0;
    /** @param {any} more of the event */
    const event = (more) => {
        const event_id = `$e${(count += 1)}`;
        const base = { event_id, room_id: ROOM, sender: FRIEND, type: "m.room.message" };
        const rest = { origin_server_ts: count, unsigned: {}, content: {} };
        return new sdk.MatrixEvent({ ...base, ...rest, ...more });
    };
    const lab = {
        ...{ sdk, event, ME, FRIEND, BOT, ROOM },
        /** @param {string} name below static */
        at: (name) => import(files + name),
        /** One that was decrypted. @param {any} more */
        secret(more) {
            const made = event(more);
            made.makeEncrypted("m.room.encrypted", { algorithm: "m.megolm.v1.aes-sha2" }, "c", "e");
            return made;
        },
        /** @param {string} user @param {any} [content] @param {any} [more] */
        member: (user, content, more) =>
            event({
                ...{ type: "m.room.member", state_key: user, sender: user },
                content: { membership: "join", ...content },
                ...more,
            }),
        encryption: () => event({ type: "m.room.encryption", state_key: "", content: {} }),
        /** A client that asks nobody. @param {any} [crypto] in the place of its own */
        client(crypto) {
            const made = /** @type {any} */ (
                sdk.createClient({ baseUrl: "https://homeserver.test", userId: ME, deviceId: "D" })
            );
            if (crypto) made.getCrypto = () => crypto;
            return made;
        },
        /** @param {any} room @param {any[]} state */
        put(room, state) {
            for (const one of state) one.event.room_id = room.roomId;
            room.currentState.setStateEvents(state);
        },
        /** @param {any} client @param {any[]} state @param {any[]} [timeline] @param {string} [id] */
        async room(client, state, timeline = [], id = ROOM) {
            const room = new sdk.Room(id, client, ME);
            lab.put(room, state);
            for (const one of timeline) one.event.room_id = id;
            await room.addLiveEvents(timeline, { addToState: false });
            room.updateMyMembership(/** @type {any} */ (room.getMember(ME)?.membership ?? "join"));
            client.store.storeRoom(room);
            return room;
        },
    };
    Object.assign(window, { lab });
}
