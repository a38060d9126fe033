/**
 * Who is official, by the directories that are trusted here; and when a room may show a badge.
 *
 * The site that serves this page says what its directories say now. The proof in a room, who made
 * the room, and by which key an account is known on this device, are looked at here.
 *
 * @typedef {object} Organisation
 * @property {string} id
 * @property {Record<string, string>} names by language
 * @property {string} domain
 * @property {string[]} chain ids of those above it, the topmost first, and its own
 * @property {string} standing
 * @property {string} reason
 * @property {number} since_ms
 * @property {string} vouched_by
 * @property {{title: Record<string, string>, basis: string}[]} purposes
 * @property {string} complaints
 * @property {Record<string, string>} accounts with their master keys
 * @property {string[]} protects
 * @property {number} entry
 *
 * @typedef {{log: string, keys: string[], organisations: Organisation[]}} Directory
 * @typedef {object} Seen what a client knows of a room
 * @property {string} own the person's id
 * @property {string} account with whom they talk
 * @property {string} creator
 * @property {{sender: string, content: any} | undefined} [state] the badge
 * @property {string | undefined} master the key by which this device knows the account
 */
import { call } from "../kit/api.js";
import { looksLike } from "../kit/look_alike.js";
import { fromUnpadded, utf8 } from "./bytes.js";
import { isIncluded } from "./merkle.js";
import { logOf, openCheckpoint, readKey } from "./notes.js";

const PROOF = "c2sp.org/tlog-proof@v1";
const KEPT_MS = 30_000;

/** @type {{at_ms: number, directories: Promise<Directory[]>} | undefined} */
let asked;
let last = "";
let isNone = false;

/** @returns {Promise<Directory[]>} none: there is no directory here */
export function directories() {
    if (!asked || (!isNone && Date.now() - asked.at_ms > KEPT_MS)) {
        const answer = call("GET", "/_veche/directory/v1/official").then(
            (/** @type {any} */ { directories: found }) => found,
            (/** @type {any} */ error) => {
                if (error.status !== 404) throw error;
                isNone = true; // until the page is opened again
                return [];
            },
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
 * @param {Directory[]} known
 * @param {string} account
 * @returns {{directory: Directory, organisation: Organisation} | undefined} whose it is, official or not
 */
export function ownerOf(known, account) {
    for (const directory of known)
        for (const organisation of directory.organisations)
            if (Object.hasOwn(organisation.accounts, account)) return { directory, organisation };
    return undefined;
}

/** @param {Organisation} organisation @param {string} language */
export const nameOf = ({ names }, language) =>
    names[language] ?? names.en ?? Object.values(names)[0] ?? "";

/**
 * @param {Directory[]} known
 * @param {Seen} seen
 * @returns {Promise<"official" | "key" | "">} key: it is known here by another key than the
 *   directory says, so somebody else may write in its name
 */
export async function badgeOf(known, { own, account, creator, state, master }) {
    const owner = ownerOf(known, account);
    if (!owner || !master || owner.organisation.standing !== "official") return "";
    const { accounts } = owner.organisation;
    if (accounts[account] !== master) return "key";
    // In a room of two that one has made oneself, nobody else has named anything.
    if (creator === own) return "official";
    if (!Object.hasOwn(accounts, creator) || !state || !Object.hasOwn(accounts, state.sender))
        return "";
    return (await isProven(owner, state.content)) ? "official" : "";
}

/**
 * Whose protected name somebody has who is not listed; empty: nobody's. No server sees the names of
 * encrypted rooms, so it is looked at here.
 * @param {Directory[]} known
 * @param {string} account who is called so, or calls a room so
 * @param {string[]} names
 */
export function impostorOf(known, account, names) {
    if (ownerOf(known, account)) return "";
    const all = known.flatMap(({ organisations }) => organisations.flatMap((one) => one.protects));
    return all.find((wanted) => names.some((name) => looksLike(name, wanted))) ?? "";
}

/**
 * What a client shows of a room: its badge, and whose name it only bears.
 * @param {{badge: string, like: string}} before what is shown while the directory is not reached
 * @param {Seen & {isOfBot: boolean, names: string[]}} seen isOfBot: of a bot of this server
 * @returns {Promise<{badge: string, like: string}>}
 */
export async function lookAt(before, seen) {
    try {
        const known = await directories();
        // Where there is no directory, the homeserver's word counts: it keeps the ids of its bots.
        if (!known.length) return { badge: seen.isOfBot ? "official" : "", like: "" };
        const badge = await badgeOf(known, seen);
        return { badge, like: impostorOf(known, seen.account, seen.names) };
    } catch {
        return before;
    }
}

/** @param {{directory: Directory, organisation: Organisation}} owner @param {any} content */
async function isProven({ directory, organisation }, content) {
    const { v, org, entry, proof } = content ?? {};
    if (v !== 1 || org !== organisation.id) return false;
    if (typeof entry !== "string" || typeof proof !== "string") return false;
    const [lines = "", ...rest] = proof.split("\n\n");
    const [kind, at = "", ...path] = lines.split("\n");
    // Of an entry that was replaced the directory says another place.
    if (kind !== PROOF || at !== `index ${organisation.entry}`) return false;
    const hashes = path.map((line) => fromUnpadded(line));
    try {
        const note = rest.join("\n\n");
        const origin = note.split("\n", 1)[0] ?? "";
        if (logOf(origin) !== directory.log) return false;
        const keys = await Promise.all(directory.keys.map(readKey));
        const { root, size } = await openCheckpoint(note, keys.map(of(origin)).concat(keys));
        const found = /** @type {Uint8Array[]} */ (hashes.filter(Boolean));
        if (found.length !== hashes.length) return false;
        return await isIncluded(root, utf8(entry), organisation.entry, size, found);
    } catch {
        return false;
    }
}

/** @param {string} origin @returns {(key: import("./notes.js").Key) => import("./notes.js").Key} */
const of = (origin) => (key) => ({ ...key, name: origin });
