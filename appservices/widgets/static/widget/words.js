/**
 * A message has everything in words, for clients that know no more: the choices by number, how to
 * answer, where the page is. Beside buttons that would stand there twice.
 *
 * @typedef {import("../kit/matter.js").Asked} Asked
 * @typedef {import("../kit/link.js").Given} Given
 * @typedef {{id: string, label: string, choices?: {id: string, label: string}[] | null}} Labelled
 */

const PARAGRAPH = "\n\n";

/** @param {string} caseId @returns {string} its page in a tab */
export function caseHref(caseId) {
    return `/cases/${encodeURIComponent(String(caseId))}`;
}

/**
 * What is asked, without what the buttons beside it say. A text that is built in another way than
 * we know stays whole.
 * @param {Pick<Asked, "prompt" | "text">} asked
 */
export function questionOf({ prompt, text }) {
    const paragraphs = text.split(PARAGRAPH);
    const first = prompt.choices?.[0];
    const list = first ? paragraphs.findIndex((one) => one.startsWith(`1. ${first.label}`)) : -1;
    // The list of the choices, and the sentence after it that says how to answer.
    if (list >= 0) paragraphs.splice(list, 2);
    const pages = (prompt.choices ?? []).flatMap(({ approve }) =>
        approve ? [`/approve#${approve.nonce}`] : [],
    );
    return paragraphs
        .filter((one) => !isLink(one, prompt.url))
        .filter((one) => !pages.some((page) => one.endsWith(page)))
        .join(PARAGRAPH);
}

/**
 * @param {string} text of the message that is the card of a case
 * @param {string} caseId
 * @returns {{title: string, facts: {name: string, value: string}[], rest: string}}
 */
export function partsOfCard(text, caseId) {
    const [title = "", ...paragraphs] = text.split(PARAGRAPH);
    const lines = paragraphs
        .filter((one) => !one.endsWith(caseHref(caseId)))
        .flatMap((one) => one.split("\n"));
    const facts = lines.flatMap((line) => {
        const at = line.indexOf(": ");
        return at > 0 ? [{ name: line.slice(0, at), value: line.slice(at + 2) }] : [];
    });
    const rest = lines.filter((line) => !line.includes(": ")).join("\n");
    return { title, facts, rest };
}

/**
 * An answer as everybody in the room can read it.
 * @param {Given} given
 * @param {Labelled[]} fields
 */
export function givenText({ text, data }, fields) {
    if (!data) return text;
    const lines = fields
        .filter(({ id }) => data[id] !== undefined && data[id] !== null)
        .map((field) => {
            const words = wordsOf(data[field.id], field);
            return fields.length === 1 ? words : `${field.label}: ${words}`;
        });
    return lines.join("\n") || text;
}

/** @param {unknown} value @param {Labelled} field @returns {string} */
function wordsOf(value, field) {
    if (Array.isArray(value)) return value.map((one) => wordsOf(one, field)).join(", ");
    if (typeof value === "object" && value !== null) return Object.values(value).join(", ");
    return field.choices?.find(({ id }) => id === value)?.label ?? String(value);
}

/** @param {string} paragraph @param {string | null | undefined} url */
function isLink(paragraph, url) {
    return Boolean(url) && paragraph.endsWith(`\n${url}`);
}
