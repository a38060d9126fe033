/**
 * A table of people, as spreadsheets write it (CSV): an account and, if there is one, a name on each
 * line. Cells are parted as `appservices.signing.drafting.core.table` parts them. Pure.
 *
 * @typedef {"text" | "mark" | "account" | "many" | "empty"} TableFault
 */
export const TABLE_BYTES_MAX = 1024 * 1024;
export const ROWS_MAX = 100;
const SEPARATORS = [",", ";", "\t"];
/** What the first cell of a table's head says, as in the chat. */
const HEADS = new Set(["user", "account", "name", "person", "signer", "имя", "konto", "ім’я"]);

/** What was chosen is no table of people. */
export class TableError extends Error {
    /** @param {TableFault} fault @param {number} [line] from 1; 0: of all of it */
    constructor(fault, line = 0) {
        super(fault);
        this.fault = fault;
        this.line = line;
    }
}

/**
 * @param {Uint8Array<ArrayBuffer>} data
 * @param {(typed: string) => boolean} isAccount
 * @returns {{account: string, name: string}[]}
 * @throws {TableError}
 */
export function readPeople(data, isAccount) {
    const rows = [...readTable(decoded(data))];
    const isHead = HEADS.has((rows[0]?.cells[0] ?? "").toLowerCase());
    const people = rows.slice(isHead ? 1 : 0).map(({ cells: [account = "", name = ""], line }) => {
        if (!isAccount(account)) throw new TableError("account", line);
        return { account, name };
    });
    if (people.length === 0) throw new TableError("empty");
    if (people.length > ROWS_MAX) throw new TableError("many");
    return people;
}

/** @param {Uint8Array<ArrayBuffer>} data @returns {string} */
function decoded(data) {
    if (data.length > TABLE_BYTES_MAX) throw new TableError("many");
    try {
        return new TextDecoder("utf-8", { fatal: true }).decode(data);
    } catch {
        throw new TableError("text");
    }
}

/**
 * @param {string} text
 * @returns {Generator<{cells: string[], line: number}>} rows that are not empty, and the line on which
 *     each ends
 * @throws {TableError} a quotation mark is not closed, or something follows it in its cell
 */
export function* readTable(text) {
    const [first = ""] = text.split("\n", 1);
    const counts = SEPARATORS.map((one) => first.split(one).length);
    const separator = SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ",";
    let line = 0;
    for (let at = 0; at < text.length;) {
        /** @type {string[]} */
        const cells = [];
        let isOver = false;
        while (!isOver) {
            const cell = text[at] === '"' ? quoted(text, at, line + 1) : bare(text, at, separator);
            cells.push(cell.value.trim());
            line += lineEnds(cell.value);
            at = cell.end;
            const next = text[at];
            isOver = next !== separator;
            if (isOver && next !== undefined && next !== "\r" && next !== "\n")
                throw new TableError("mark", line + 1);
            at += next === "\r" && text[at + 1] === "\n" ? 2 : 1;
        }
        line += 1;
        if (cells.some(Boolean)) yield { cells, line };
    }
}

/** @param {string} text @param {number} start @param {string} separator */
function bare(text, start, separator) {
    let end = start;
    while (end < text.length && ![separator, "\r", "\n"].includes(text[end] ?? "")) end += 1;
    return { value: text.slice(start, end), end };
}

/** @param {string} text @param {number} start of the mark @param {number} line */
function quoted(text, start, line) {
    let value = "";
    for (let at = start + 1; ;) {
        const end = text.indexOf('"', at);
        if (end === -1) throw new TableError("mark", line);
        value += text.slice(at, end);
        if (text[end + 1] !== '"') return { value, end: end + 1 };
        value += '"';
        at = end + 2;
    }
}

/** @param {string} value @returns {number} */
function lineEnds(value) {
    return value.match(/\r\n|\r|\n/g)?.length ?? 0;
}
