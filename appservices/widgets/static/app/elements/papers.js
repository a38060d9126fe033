/**
 * The person's documents, as their chats have them: to be signed, signed, and issued. Only what our
 * own bots say counts.
 *
 * @typedef {import("../client/open.js").MatrixClient} MatrixClient
 * @typedef {object} Paper
 * @property {string} id
 * @property {string} title
 * @property {string} from who sends it
 * @property {boolean} isWaiting for the person's signature
 * @property {boolean} isOpen others have still to sign
 * @property {number} at_ms
 * @property {string} href where it is signed, or the chat that has the file
 */
import { html } from "lit";
import { linkRow } from "../../kit/elements.js";
import { showDate, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { whenAccountChanges } from "../account/account.js";
import { contentOf, eventsOf } from "../client/content.js";
import { watchNew } from "../counts.js";
import { isOfBot } from "../registry.js";
import { hrefOf } from "../route.js";

const REQUEST = "org.veche.sign_request";
const RESULT = "org.veche.sign_result";
const DOCUMENT = "org.veche.document";

/** @param {MatrixClient} client @returns {Paper[]} the newest first */
export function papers(client) {
    /** @type {Map<string, Paper>} */
    const found = new Map();
    for (const room of client.getRooms())
        for (const event of eventsOf(room)) {
            if (!isOfBot(event)) continue;
            const content = contentOf(client, event);
            const known = found.get(String(content[RESULT]?.session));
            const paper = paperOf(content, event, room, known);
            const isResult = RESULT in content;
            if (isResult) found.delete(known?.id ?? "");
            // What an office has had signed comes from its bot, and from the signing bot.
            if (paper && !(isResult && found.has(paper.id))) found.set(paper.id, paper);
        }
    return [...found.values()].toSorted((a, b) => b.at_ms - a.at_ms);
}

/** @param {() => void} changed not for each of the messages that come at once @returns {() => void} stops it */
export function watchPapers(changed) {
    const stops = [whenAccountChanges(changed), watchNew(changed)];
    return () => stops.forEach((stop) => stop());
}

/**
 * @param {Record<string, any>} content
 * @param {import("matrix-js-sdk").MatrixEvent} event
 * @param {{roomId: string, name: string}} room
 * @param {Paper} [known] of the same session
 * @returns {Paper | undefined}
 */
function paperOf(content, event, { roomId, name }, known) {
    const at_ms = event.getTs();
    const href = hrefOf("chats", roomId, "at", event.getId() ?? "");
    const at = { from: name, isWaiting: false, isOpen: false, at_ms, href };
    const { [REQUEST]: asked, [RESULT]: result, [DOCUMENT]: issued } = content;
    if (asked)
        return {
            id: String(asked.id),
            title: String(asked.title || t("Document")),
            from: String(asked.from_name ?? ""),
            isWaiting: asked.state === "open" && Boolean(asked.prompt),
            isOpen: asked.state === "open",
            at_ms,
            href: typeof asked.page === "string" ? asked.page : at.href,
        };
    if (result) {
        const { title = t("Document"), from = name } = known ?? {};
        return { ...at, id: String(result.final_sha256 ?? result.session), title, from };
    }
    return issued && { ...at, id: String(issued.sha256 ?? issued.id), title: String(issued.title) };
}

/** @param {Paper} paper */
export function paperRow({ title, from, isWaiting, isOpen, at_ms, href }) {
    const state = isWaiting ? t("to sign") : isOpen ? t("waits for others") : showDate(at_ms);
    return linkRow({
        ...{ href, isWaiting, mark: icon("document"), title: html`<bdi>${title}</bdi>` },
        meta: html`<bdi>${from}</bdi> · ${state}`,
    });
}
