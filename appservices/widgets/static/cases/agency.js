/**
 * The API of the offices (`/_veche/agency/v1`), as functions.
 *
 * @typedef {import("../kit/forms/kinds.js").Field} Field
 * @typedef {Record<string, unknown>} Answers
 * @typedef {{due_at_ms: number, rule: string}} Clock
 * @typedef {object} Service
 * @property {string} office
 * @property {string} service
 * @property {string} title
 * @property {string} summary
 * @property {{working_days: number, rule: string}} deadline
 * @property {string | null} fee
 * @property {string[]} documents
 * @property {boolean} needs_key
 * @typedef {object} Office
 * @property {string} office
 * @property {string} name
 * @property {string} organisation
 * @property {string} bot_link
 * @property {Service[]} services
 * @typedef {{office: string, name: string, organisation: string, chat: string}} Home
 * @typedef {Service & {office_name: string, organisation: string, bot_link: string, bot: string,
 *   min_trust: string, cost: string, time: string, after: string | null,
 *   step_list: {kind: string, text: string}[], appeal: string | null, appeal_days: number | null,
 *   human_working_days: number, form: {fields: AskedField[]} | null}} ServicePage
 * @typedef {Field & {purpose?: string | null, by_page?: boolean}} AskedField
 * @typedef {object} CaseEntry
 * @property {string} case
 * @property {string} number
 * @property {string} office
 * @property {string} office_name
 * @property {string} organisation
 * @property {string} service
 * @property {string} title
 * @property {string} state
 * @property {string} state_text
 * @property {boolean} is_open
 * @property {boolean} waits_for_you
 * @property {string} next
 * @property {Clock | null} clock
 * @property {number} opened_at_ms
 * @property {number} updated_at_ms
 * @typedef {object} Choice
 * @property {string} id
 * @property {string} label
 * @property {"primary" | "secondary" | "danger"} [style]
 * @property {Record<string, unknown>} [approve] what the approve page is to show
 * @typedef {object} Prompt `org.veche.prompt`
 * @property {string} id
 * @property {Choice[]} choices
 * @property {number} expires_at_ms
 * @property {string} [min_trust]
 * @property {{fields: AskedField[]} | null} [form]
 * @typedef {{prompt: Prompt, topic: string, text: string}} Asked
 * @typedef {object} Issued
 * @property {number} number
 * @property {string} title
 * @property {string} filename
 * @property {string} sha256
 * @property {number} size_bytes
 * @property {number} issued_at_ms
 * @property {number | null} valid_until_ms
 * @property {string} path
 * @typedef {{code: string, reason: string, law: string, text: string, appeal: string,
 *   appeal_until_ms: number}} Refusal
 * @typedef {CaseEntry & {version: string, room: string, submitted_at_ms: number | null,
 *   history: import("./elements/history.js").Entry[],
 *   answers: {field: string, label: string, value: string}[],
 *   question: {text: string, due_at_ms: number} | null, refusal: Refusal | null,
 *   fee: {label: string, url: string} | null, documents: Issued[], prompts: Asked[], form: {fields: AskedField[]} | null,
 *   draft: Answers, takes_files: boolean, commands: {command: string, label: string, takes_text: boolean}[]}} Case
 */
import { ApiError, call, download, follow, newKey, upload } from "../kit/api.js";
import { currentLanguage } from "../kit/i18n.js";

const ROOT = "/_veche/agency/v1";

/** @returns {{lang: string}} texts come in the language of the page */
const inLanguage = () => ({ lang: currentLanguage() });
/** How often a case is asked for that waits for its chat; the service waits 5 s each time. */
const START_ATTEMPTS_MAX = 12;

/** @param {string} part */
const enc = (part) => encodeURIComponent(part);

/**
 * @param {string} q words that must all be found
 * @param {string} lang
 * @param {AbortSignal} [signal]
 * @returns {Promise<{count: number, offices: Office[]}>}
 */
export const catalogue = (q, lang, signal) =>
    call("GET", `${ROOT}/catalogue`, { query: { q: q || undefined, lang }, signal });

/**
 * @param {string} office
 * @param {string} service
 * @param {string} lang
 * @param {AbortSignal} [signal]
 * @returns {Promise<ServicePage>}
 */
export const servicePage = (office, service, lang, signal) =>
    call("GET", `${ROOT}/catalogue/${enc(office)}/${enc(service)}`, { query: { lang }, signal });

/**
 * @param {AbortSignal} [signal]
 * @returns {Promise<{homes: Home[]}>}
 */
export const homes = (signal) => call("GET", `${ROOT}/homes`, { query: inLanguage(), signal });

/**
 * Starts a service; asks again until the chat that it needs is there.
 * @param {string} office
 * @param {string} service
 * @param {string} key the same for each attempt to start this one
 * @param {AbortSignal} [signal]
 * @returns {Promise<{case: string | null, is_chat_new: boolean}>} null: it still is not there
 */
export async function startCase(office, service, key, signal) {
    let answer = { case: null, is_chat_new: false };
    for (let attempt = 0; attempt < START_ATTEMPTS_MAX && !answer.case; attempt += 1)
        answer = await call("POST", `${ROOT}/cases`, {
            body: { office, service },
            query: inLanguage(),
            key,
            signal,
        });
    return answer;
}

/**
 * @param {(state: {cases: CaseEntry[]}) => void} changed
 * @param {(error: Error) => void} failed
 */
export const followCases = (changed, failed) =>
    follow(`${ROOT}/cases?lang=${currentLanguage()}`, changed, failed);

/**
 * @param {string} id
 * @param {(state: Case) => void} changed
 * @param {(error: Error) => void} failed
 */
export const followCase = (id, changed, failed) =>
    follow(`${ROOT}/cases/${enc(id)}?lang=${currentLanguage()}`, changed, failed);

/**
 * @param {string} id
 * @param {{prompt: string, choice?: string, data?: Answers}} answer
 * @param {string} key
 * @returns {Promise<{outcome: "done" | "waiting"}>}
 */
export const answerPrompt = (id, answer, key) =>
    call("POST", `${ROOT}/cases/${enc(id)}/answers`, { body: answer, query: inLanguage(), key });

/**
 * @param {string} id
 * @param {string} field that it answers; "": it is for the office
 * @param {File} file
 * @param {import("../kit/forms/upload.js").Sending} how
 */
export const sendFile = (id, field, file, how) =>
    upload(`${ROOT}/cases/${enc(id)}/files`, file, {
        query: {
            ...inLanguage(),
            field,
            name: file.name.slice(-200),
            mimetype: file.type.split(";")[0] || undefined,
        },
        ...how,
    });

/**
 * @param {string} id
 * @param {Answers} values
 * @param {{isLeaving?: boolean, signal?: AbortSignal}} [options] isLeaving: the page goes away, and
 *     the browser sends it after that
 */
export const keepDraft = (id, values, options = {}) =>
    call("PUT", `${ROOT}/cases/${enc(id)}/draft`, {
        body: { values },
        query: inLanguage(),
        key: newKey(),
        ...options,
    });

/**
 * @param {string} id
 * @param {string} command
 * @param {string | undefined} text
 * @param {string} key
 */
export const giveCommand = (id, command, text, key) =>
    call("POST", `${ROOT}/cases/${enc(id)}/commands`, {
        body: { command, text },
        query: inLanguage(),
        key,
    });

/**
 * @param {string} office
 * @param {string} service
 * @param {Answers} values
 * @param {string[]} fields
 * @returns {Promise<Record<string, string>>} what is wrong, by field
 */
export async function checkAnswers(office, service, values, fields) {
    const answer = await call("POST", `${ROOT}/forms/check`, {
        body: { office, service, values, fields },
        query: inLanguage(),
    });
    return errorsByField(answer.errors);
}

/** @param {unknown} errors @returns {Record<string, string>} */
export function errorsByField(errors) {
    const list = Array.isArray(errors) ? errors : [];
    return Object.fromEntries(list.map(({ field, error }) => [String(field), String(error)]));
}

/** @param {unknown} error @returns {Record<string, string> | undefined} of a form that was refused */
export function formErrors(error) {
    return error instanceof ApiError && Array.isArray(error.body.errors) && error.body.errors.length
        ? errorsByField(error.body.errors)
        : undefined;
}

/** @param {Issued} document @returns {Promise<Blob>} */
export const fetchDocument = (document) => download(document.path);
