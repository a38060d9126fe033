/**
 * What the directories say now that the site of this page trusts.
 *
 * @typedef {import("./official.js").Directory} Directory
 * @typedef {import("./official.js").Seen} Seen
 */
import { call } from "../kit/api.js";
import { meta } from "../kit/page.js";
import { badgeOf, impostorOf, ownerOf } from "./official.js";

const KEPT_MS = 30_000;

/** @type {{at_ms: number, directories: Promise<Directory[]>} | undefined} */
let asked;
let last = "";

/** @returns {Promise<Directory[]>} none: there is no directory here */
export function directories() {
    const address = meta("veche-directory");
    if (!address) return Promise.resolve([]);
    if (!asked || Date.now() - asked.at_ms > KEPT_MS) {
        const answer = call("GET", address).then(
            (/** @type {any} */ { directories: found }) => found,
        );
        asked = { at_ms: Date.now(), directories: answer };
    }
    return asked.directories;
}

/** Calls whoever shows badges whenever the directories say something else. @param {() => void} changed */
export function whenDirectoriesChange(changed) {
    const look = async () => {
        const now = JSON.stringify(await directories().catch(() => undefined)) ?? last;
        if (last && now !== last) changed();
        last = now;
    };
    const timer = setInterval(() => void look(), KEPT_MS);
    return () => clearInterval(timer);
}

/**
 * What a client shows of a room: its badge, and whose name it only bears.
 * @param {{badge: string, like: string}} before what is shown while the directory is not reached
 * @param {Omit<Seen, "master"> & {isOfBot: boolean, names: string[]}} seen isOfBot: of a bot of this server
 * @param {() => Promise<string | undefined>} masterOf the key by which this device knows the account;
 *   asked for accounts that are listed alone, since it takes long
 * @returns {Promise<{badge: string, like: string}>}
 */
export async function lookAt(before, seen, masterOf) {
    try {
        const known = await directories();
        // Where there is no directory, the homeserver's word counts: it keeps the ids of its bots.
        if (!known.length) return { badge: seen.isOfBot ? "official" : "", like: "" };
        const master = ownerOf(known, seen.account) && (await masterOf());
        const badge = await badgeOf(known, { ...seen, master });
        return { badge, like: impostorOf(known, seen.account, seen.names) };
    } catch {
        return before;
    }
}
