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
 * @property {number} at_ms
 * @property {string} href where it is signed, or the chat that has the file
 */
import { html } from "lit";
import { showDate, t } from "../../kit/i18n.js";
import { icon } from "../../kit/icons.js";
import { account, whenAccountChanges } from "../account/account.js";
import { contentOf } from "../client/content.js";
import { isOfBot } from "../registry.js";
import { hrefOf } from "../route.js";

const DECRYPTED = /** @type {any} */ ("Event.decrypted");
const REQUEST = "org.veche.sign_request";
const RESULT = "org.veche.sign_result";
const DOCUMENT = "org.veche.document";

/** @param {MatrixClient} client @returns {Paper[]} the newest first */
export function papers(client) {
    /** @type {Map<string, Paper>} */
    const found = new Map();
    for (const room of client.getRooms())
        for (const event of room.getLiveTimeline().getEvents()) {
            if (!isOfBot(event)) continue;
            const content = contentOf(client, event);
            const known = found.get(String(content[RESULT]?.session));
            const paper = paperOf(content, event.getTs(), room, known);
            if (paper) found.set(paper.id, paper);
        }
    return [...found.values()].toSorted((a, b) => b.at_ms - a.at_ms);
}

/** @param {() => void} changed also: the account @returns {() => void} stops it */
export function watchPapers(changed) {
    /** @type {any} */
    let client;
    const look = () => {
        client ??= account().opened?.client.on(DECRYPTED, changed);
        changed();
    };
    const stop = whenAccountChanges(look);
    look();
    return () => (stop(), client?.off(DECRYPTED, changed));
}

/**
 * @param {Record<string, any>} content
 * @param {number} at_ms
 * @param {{roomId: string, name: string}} room
 * @param {Paper} [known] of the same session
 * @returns {Paper | undefined}
 */
function paperOf(content, at_ms, { roomId, name }, known) {
    const at = { from: name, isWaiting: false, at_ms, href: hrefOf("chats", roomId) };
    const { [REQUEST]: asked, [RESULT]: result, [DOCUMENT]: issued } = content;
    if (asked)
        return {
            id: String(asked.id),
            title: String(asked.title || t("Document")),
            from: String(asked.from_name ?? ""),
            isWaiting: asked.state === "open" && Boolean(asked.prompt),
            at_ms,
            href: typeof asked.page === "string" ? asked.page : at.href,
        };
    if (result) {
        const { title = t("Document"), from = name } = known ?? {};
        return { ...at, id: String(result.session), title, from };
    }
    return issued && { ...at, id: String(issued.id), title: String(issued.title) };
}

/** @param {Paper} paper */
export function paperRow({ title, from, isWaiting, at_ms, href }) {
    return html`<li>
        <a class="row ${isWaiting ? "waits" : ""}" href=${href}>
            ${icon("document")}
            <span class="row-main">
                <span class="row-title"><bdi>${title}</bdi></span>
                <span class="row-meta"
                    ><bdi>${from}</bdi> · ${isWaiting ? t("to sign") : showDate(at_ms)}</span
                >
            </span>
            ${icon("next")}
        </a>
    </li>`;
}
