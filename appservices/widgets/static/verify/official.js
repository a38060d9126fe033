/**
 * When a room may show a badge, by the directories that are trusted here: the proof in the room, who
 * made it, and by which key an account is known on this device. Pure.
 *
 * @typedef {object} Organisation
 * @property {string} id
 * @property {Record<string, string>} names by language
 * @property {string} domain
 * @property {number | null} domain_seen_ms when it proved that it is its own
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
import { looksLike } from "../kit/look_alike.js";
import { fromPadded, fromUnpadded, hex, sha256, utf8 } from "./bytes.js";
import { isIncluded } from "./merkle.js";
import { logOf, openCheckpoint, readKey } from "./notes.js";

const PROOF = "c2sp.org/tlog-proof@v1";
const KEY_ID_BYTES = 4;
const LOG_KEY = 1;

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

/** @param {{directory: Directory, organisation: Organisation}} owner @param {any} content */
async function isProven({ directory, organisation }, content) {
    const { v, org, entry, proof } = content ?? {};
    if (v !== 1 || org !== organisation.id) return false;
    if (typeof entry !== "string" || typeof proof !== "string") return false;
    const [lines = "", ...rest] = proof.split("\n\n");
    const [kind, at = "", ...path] = lines.split("\n");
    // Of an entry that was replaced the directory says another place.
    if (kind !== PROOF || at !== `index ${organisation.entry}`) return false;
    // Badges of older versions had it without padding.
    const hashes = path.map((line) => fromPadded(line) ?? fromUnpadded(line));
    try {
        const note = rest.join("\n\n");
        const origin = note.split("\n", 1)[0] ?? "";
        if (logOf(origin) !== directory.log) return false;
        const keys = await Promise.all(directory.keys.map(readKey));
        const named = await Promise.all(keys.map((key) => inName(key, origin)));
        const { root, size } = await openCheckpoint(note, named);
        const found = /** @type {Uint8Array[]} */ (hashes.filter(Boolean));
        if (found.length !== hashes.length) return false;
        return await isIncluded(root, utf8(entry), organisation.entry, size, found);
    } catch {
        return false;
    }
}

/**
 * A key in the name of another history of its log; its id is of both.
 * @param {import("./notes.js").Key} known
 * @param {string} name
 */
async function inName(known, name) {
    const digest = await sha256(utf8(`${name}\n`), Uint8Array.of(LOG_KEY), known.key);
    return { ...known, name, id: hex(digest.slice(0, KEY_ID_BYTES)) };
}
