/**
 * What the messages of a room amount to: the card of the case, what is asked, what was issued.
 * Pure: events in, a matter out. Only our bots are believed, and an edit counts only if it comes
 * from the sender of the original.
 *
 * @typedef {import("./types.js").CaseCard} CaseCard
 * @typedef {import("./types.js").Prompt} Prompt
 * @typedef {import("./types.js").IssuedDocument} IssuedDocument
 *
 * @typedef {object} RoomEvent
 * @property {string} type
 * @property {string} event_id
 * @property {string} sender
 * @property {number} origin_server_ts
 * @property {Record<string, any>} content
 *
 * @typedef {object} Asked a prompt, as it stands now
 * @property {string} event_id of the message that asks it
 * @property {Prompt} prompt
 * @property {string} text the message, for whoever reads it without buttons
 * @property {boolean} is_open whether it takes an answer
 * @property {string | undefined} answered id of the choice that was answered from this room, or ""
 *
 * @typedef {object} Matter
 * @property {CaseCard | undefined} card
 * @property {string} text of the card's message
 * @property {Asked[]} prompts oldest first
 * @property {IssuedDocument[]} documents oldest first
 * @property {Record<string, any>[]} receipts of payments, oldest first; not checked
 * @property {Record<string, any>[]} requests for signatures, oldest first, each as it is now; not
 *     checked
 * @property {SignFile[]} files documents that wait for signatures, as the bot has sent them, oldest
 *     first; not checked
 *
 * @typedef {object} SignFile
 * @property {string} session
 * @property {Record<string, any>} file `EncryptedFile` of the message
 */
import { isOurBot } from "./page.js";
import { tidied } from "./untrusted.js";

const MESSAGE = "m.room.message";
const CASE = "org.veche.case";
const PROMPT = "org.veche.prompt";
const ANSWER = "org.veche.answer";
const DOCUMENT = "org.veche.document";
const RECEIPT = "org.veche.receipt";
const REQUEST = "org.veche.sign_request";
const FILE = "org.veche.sign_file";
/** How many events are kept; older ones are forgotten. */
export const EVENTS_MAX = 200;
const BODY_CHARACTERS_MAX = 20_000;

/** The events of a room, in whatever order and however often they come. */
export class Timeline {
    /** @type {Map<string, RoomEvent>} */
    #events = new Map();

    /**
     * @param {unknown} event as a client gave it
     * @returns {boolean} whether it is new and of a form that can count
     */
    take(event) {
        if (!isMessage(event) || this.#events.has(event.event_id)) return false;
        this.#events.set(event.event_id, { ...event, content: tidied(event.content) });
        if (this.#events.size > EVENTS_MAX) {
            const oldest = this.#sorted()[0];
            if (oldest) this.#events.delete(oldest.event_id);
        }
        return true;
    }

    /** @returns {RoomEvent[]} */
    #sorted() {
        return [...this.#events.values()].toSorted(byTime);
    }

    /** @param {number} now_ms @returns {Matter} */
    matter(now_ms) {
        return matterOf(this.#sorted(), now_ms);
    }
}

/**
 * @param {RoomEvent[]} events sorted
 * @param {number} now_ms
 * @returns {Matter}
 */
export function matterOf(events, now_ms) {
    const answers = answersIn(events);
    const state_since_ms = stateSince(events);
    const shown = events
        .filter((event) => isOurBot(event.sender) && !isEditOfKnown(event, events))
        .map((event) => ({ event, content: latest(event, events) }));
    /** @type {Matter} */
    const matter = {
        ...{ card: undefined, text: "", prompts: [], documents: [], receipts: [] },
        ...{ requests: [], files: [] },
    };
    for (const { event, content } of shown) {
        const text = String(content.body ?? "").slice(0, BODY_CHARACTERS_MAX);
        const card = payload(content, CASE);
        const prompt = payload(content, PROMPT);
        const document = payload(content, DOCUMENT);
        if (card) Object.assign(matter, { card, text });
        const receipt = payload(content, RECEIPT);
        if (receipt) matter.receipts.push(receipt);
        const request = payload(content, REQUEST);
        if (request)
            matter.requests = [...matter.requests.filter(({ id }) => id !== request.id), request];
        const file = payload(content, FILE);
        if (typeof file?.session === "string" && isObject(content.file))
            matter.files.push({ session: file.session, file: content.file });
        if (document) matter.documents.push(/** @type {any} */ (document));
        if (prompt && typeof prompt.id === "string")
            matter.prompts.push(asked(event, /** @type {any} */ (prompt), text, answers, now_ms));
    }
    closeForms(matter.prompts, events, state_since_ms);
    return matter;
}

/**
 * A form without buttons is not edited when it is done, often in plain words: it is over once the
 * same form is asked again, or the case has gone on to another state.
 * @param {Asked[]} prompts oldest first
 * @param {RoomEvent[]} events
 * @param {number} state_since_ms
 */
function closeForms(prompts, events, state_since_ms) {
    const seen = new Set();
    for (const one of prompts.toReversed()) {
        if (!one.prompt.form) continue;
        const form = JSON.stringify(one.prompt.form);
        const at_ms = events.find(({ event_id }) => event_id === one.event_id)?.origin_server_ts;
        const is_past = !one.prompt.choices?.length && state_since_ms > (at_ms ?? 0);
        if (seen.has(form) || is_past) one.is_open = false;
        seen.add(form);
    }
}

/**
 * @param {RoomEvent[]} events sorted
 * @returns {number} since when the case has been in the state that it shows now
 */
function stateSince(events) {
    let state = "";
    let since_ms = 0;
    for (const event of events) {
        if (!isOurBot(event.sender)) continue;
        const card = payload(event.content["m.new_content"] ?? event.content, CASE);
        if (!card || card.state === state) continue;
        state = card.state;
        since_ms = event.origin_server_ts;
    }
    return since_ms;
}

/**
 * @param {RoomEvent} event
 * @param {Prompt} prompt
 * @param {string} text
 * @param {{prompt: string, sender: string, choice: string}[]} answers
 * @param {number} now_ms
 * @returns {Asked}
 */
function asked(event, prompt, text, answers, now_ms) {
    const is_open = !prompt.closed && !prompt.twin && Number(prompt.expires_at_ms) > now_ms;
    const scope = Array.isArray(prompt.scope) ? prompt.scope : [];
    // Whoever else writes an answer into the room has not answered.
    const answer = answers.findLast(
        (one) => one.prompt === prompt.id && (!scope.length || scope.includes(one.sender)),
    );
    const event_id = relation(event)?.rel_type === "m.replace" ? original(event) : event.event_id;
    return { event_id, prompt, text, is_open, answered: answer?.choice };
}

/**
 * @param {RoomEvent[]} events
 * @returns {{prompt: string, sender: string, choice: string}[]} in their order
 */
function answersIn(events) {
    return events.flatMap(({ sender, content }) => {
        const { prompt, choice } = payload(content, ANSWER) ?? {};
        if (typeof prompt !== "string") return [];
        return [{ prompt, sender, choice: typeof choice === "string" ? choice : "" }];
    });
}

/** @param {RoomEvent} edit @returns {string} the event that it replaces */
function original(edit) {
    return String(relation(edit)?.event_id);
}

/**
 * Whether an event only changes one that is here, or is an older edit of one that is not: of a long
 * room a client gives the end alone.
 * @param {RoomEvent} event
 * @param {RoomEvent[]} events sorted
 */
function isEditOfKnown(event, events) {
    if (relation(event)?.rel_type !== "m.replace") return false;
    const id = original(event);
    const is_known = events.some(({ event_id }) => event_id === id);
    const last = events.findLast(
        (one) =>
            relation(one)?.rel_type === "m.replace" &&
            original(one) === id &&
            one.sender === event.sender,
    );
    return is_known || last !== event || !isObject(event.content["m.new_content"]);
}

/**
 * A message as it was edited last.
 * @param {RoomEvent} message
 * @param {RoomEvent[]} events sorted
 * @returns {Record<string, any>}
 */
function latest(message, events) {
    if (relation(message)?.rel_type === "m.replace") return message.content["m.new_content"];
    const edit = events.findLast(
        (event) =>
            relation(event)?.rel_type === "m.replace" &&
            original(event) === message.event_id &&
            event.sender === message.sender &&
            isObject(event.content["m.new_content"]),
    );
    return edit?.content["m.new_content"] ?? message.content;
}

/** @param {RoomEvent} event @returns {Record<string, any> | undefined} */
function relation(event) {
    const found = event.content["m.relates_to"];
    return isObject(found) ? found : undefined;
}

/**
 * @param {Record<string, any>} content
 * @param {string} key
 * @returns {Record<string, any> | undefined} of a version that we know
 */
function payload(content, key) {
    const found = content[key];
    return isObject(found) && found.v === 1 ? found : undefined;
}

/** @param {RoomEvent} a @param {RoomEvent} b */
function byTime(a, b) {
    return a.origin_server_ts - b.origin_server_ts || (a.event_id < b.event_id ? -1 : 1);
}

/** @param {unknown} value @returns {value is Record<string, any>} */
function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {unknown} event @returns {event is RoomEvent} */
function isMessage(event) {
    return (
        isObject(event) &&
        event.type === MESSAGE &&
        typeof event.event_id === "string" &&
        typeof event.sender === "string" &&
        typeof event.origin_server_ts === "number" &&
        isObject(event.content)
    );
}
