/**
 * What a field looks like, by its kind: the inputs, what they show for a value, and what they say
 * to the service. The parsers of `veche.protocol.forms` decide what is right; a page only notices
 * early what it can be sure of itself.
 *
 * @typedef {{id: string, label: string}} FieldChoice
 * @typedef {object} Field a field of `org.veche.prompt.form`
 * @property {string} id
 * @property {string} kind
 * @property {string} label
 * @property {boolean} [required]
 * @property {string | null} [help]
 * @property {FieldChoice[] | null} [choices]
 * @property {string | number | null} [min]
 * @property {string | number | null} [max]
 * @property {number | null} [max_length]
 * @property {string | null} [currency]
 * @property {string[] | null} [mimetypes]
 * @property {number | null} [bytes_max]
 *
 * @typedef {unknown} Raw what the inputs hold: a text, a list of texts, or a file's value
 * @typedef {object} Control what a kind needs to draw itself
 * @property {Field} field
 * @property {string} inputId id of the input, or of the first one
 * @property {string} describedBy ids of help, hint and error; may be empty
 * @property {Raw} raw
 * @property {boolean} isWrong
 * @property {(raw: Raw) => void} changed
 * @property {number} nowMs the service's time
 * @property {import("./upload.js").Send} [send] sends a file that answers it; none: not on this page
 *
 * @typedef {object} Kind
 * @property {(control: Control) => unknown} draw the inputs, as a Lit template
 * @property {(value: unknown, field: Field) => Raw} open what the inputs show for a value
 * @property {(raw: Raw, field: Field) => unknown} answer what the service is told; undefined: nothing
 * @property {boolean} [isGroup] several inputs under one name
 * @property {(field: Field) => string} [hint] how to answer, where the question alone does not say it
 * @property {(raw: Raw, field: Field, nowMs: number) => string} [problem] "" if the page sees none
 */
import { addresses, email, iban, longText, personName, phone, text } from "./texts.js";
import { integer, money, number } from "./numbers.js";
import { country, oneChoice, severalChoices, yesNo } from "./options.js";
import { date, dateTime } from "./dates.js";
import { file, geo, photo, unknown } from "./others.js";

/** @type {Record<string, Kind>} */
const KINDS = {
    text,
    long_text: longText,
    number,
    integer,
    money,
    date,
    date_time: dateTime,
    yes_no: yesNo,
    choice: oneChoice,
    choices: severalChoices,
    country,
    phone,
    email,
    address: addresses,
    person_name: personName,
    iban,
    file,
    photo,
    geo,
};

/**
 * @param {string} kind
 * @returns {Kind} for a kind that this page does not know: one that says so
 */
export function kindOf(kind) {
    return Object.hasOwn(KINDS, kind) ? /** @type {Kind} */ (KINDS[kind]) : unknown;
}
