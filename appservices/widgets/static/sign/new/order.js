/**
 * Who signs, as people type it in the chat, read into rows: "2 of bob, carol then dave as witness of
 * bob on page 3 bottom right; copy to erin". The words are those of `appservices.signing.drafting.core.order`,
 * in every language; what a private document can't have is refused. Pure.
 *
 * @typedef {import("./rows.js").Person} Person
 * @typedef {import("./rows.js").Role} Role
 * @typedef {"empty" | "word" | "role" | "witness" | "twice" | "need" | "page" | "place" | "private"
 *   | "certificate" | "area" | "covers"} OrderProblem
 */
import { BOX_HEIGHT, BOX_WIDTH, HEIGHTS, POINT_MAX, WIDTHS, isOver } from "../../pdf/boxes.js";
import { emptyPerson } from "./rows.js";

/** @param {string} words @returns {Set<string>} */
const set = (words) => new Set(words.split(" "));
const THEN = set("then затем потом dann danach потім тоді");
const AND = set(", and и und і та");
const AS = set("as как als як");
const OF = set("of из von з із для für");
const COPY = set("copy копия копию kopie копія копію");
const TO = set("to для an кому");
const EACH = set("each каждый каждому jeder jede кожен кожному");
const ON = set("on на auf");
const PAGE = set("page странице стр стр. seite сторінці");
const BOTTOM = set("bottom внизу снизу unten знизу");
const TOP = set("top вверху сверху oben вгорі зверху");
const AT = set("at в bei у");
const SIZE = set("size размер размером größe grösse розмір розміром");
const QUALIFIED = set("qualified квалифицированно qualifiziert кваліфіковано");
const WITH = set("with с со mit з із зі");
const THEIR = set("a an own his her their своим собственным eigenem einem своїм власним");
const CERTIFICATE = set("certificate сертификатом zertifikat сертифікатом");
/** "with a certificate of their own" */
const OF_THEIRS = set("of");
const RESERVED = new Set([...THEN, ...AND, ...AS, ...OF, ...COPY, ...TO, ...EACH, ...ON, ";"]);
/** @type {[Role | "seal", Set<string>][]} */
const ROLES = [
    ["signer", set("signer подписант unterzeichner підписант")],
    ["approver", set("approver согласующий genehmiger genehmigerin погоджувач")],
    ["witness", set("witness свидетель zeuge zeugin свідок")],
    ["clerk", set("clerk служащий beamter beamtin службовець")],
    ["seal", set("seal печать siegel печатка")],
    ["viewer", set("copy копия kopie копія")],
];
/** @type {[string, Set<string>][]} */
const SIDES = [
    ["left", set("left слева links ліворуч зліва")],
    ["middle", set("middle посередине mitte посередині")],
    ["right", set("right справа rechts праворуч")],
];
const MARKS = '"“”„«»';
const TOKEN = new RegExp(`[,;${MARKS}]|[^\\s,;${MARKS}]+`, "gu");
const PERSON = /^(?:@?[^\s,;@:]+(?::[^\s,;@]+)?|https:\/\/matrix\.to\/#\/\S+)$/u;
const COUNT = /^[1-9]\d{0,2}$/;
const NUMBER = /^[1-9]\d{0,3}$/;
const PAGE_MAX = 2000;
const POINTS = /^(?:0|[1-9]\d{0,4})$/;
const BY = /^(\d+)[x×х](\d+)$/;

/** An order can't be read. */
export class OrderError extends Error {
    /** @param {OrderProblem} problem @param {string} [word] at which; empty: at the end */
    constructor(problem, word = "") {
        super(problem);
        this.problem = problem;
        this.word = word;
    }
}

/**
 * @param {string} typed
 * @returns {{people: Person[], needs: Record<string, number>, isEach: boolean}} whether each of the
 *     first step gets a document of their own
 * @throws {OrderError} it can't be read, or a private document can't have it
 */
export function readOrder(typed) {
    const words = typed.match(TOKEN) ?? [];
    const isEach = EACH.has((words[0] ?? "").toLowerCase());
    // "each of bob": the word after it may be left out.
    const skipped = isEach ? (OF.has((words[1] ?? "").toLowerCase()) ? 2 : 1) : 0;
    const { stages, copies } = new Reader(words.slice(skipped)).read();
    /** @type {Person[]} */
    const people = [];
    /** @type {Record<string, number>} */
    const needs = {};
    for (const [at, { wanted, need }] of stages.entries()) {
        for (const one of wanted) people.push({ ...one, step: at + 1 });
        if (need) needs[at + 1] = need;
    }
    for (const account of copies)
        people.push({ ...emptyPerson(stages.length), account, role: "viewer" });
    checkOnce(people);
    const seen = people.map((one) => (one.role === "witness" ? seeing(one, people) : one));
    checkCounts(seen, needs);
    if (isEach) checkEach(seen, needs);
    checkPlaces(seen, isEach);
    return { people: seen, needs, isEach };
}

/** @param {string} account @returns {string} as it is compared */
function folded(account) {
    return account.replace(/^@/, "").toLowerCase();
}

/** @param {Person[]} people */
function checkOnce(people) {
    const known = new Set();
    for (const { account } of people) {
        if (known.has(folded(account))) throw new OrderError("twice", account);
        known.add(folded(account));
    }
}

/** @param {Person} witness @param {Person[]} people @returns {Person} who says whom they see */
function seeing(witness, people) {
    const signing = people.filter(({ role }) => role !== "witness" && role !== "viewer");
    const beside = signing.filter(({ step }) => step === witness.step);
    const seen = witness.of
        ? signing.find(({ account }) => folded(account) === folded(witness.of))
        : beside.length === 1 && beside[0];
    if (!seen) throw new OrderError("witness", witness.account);
    return { ...witness, of: seen.account, step: seen.step };
}

/** @param {Person[]} people @param {Record<string, number>} needs */
function checkEach(people, needs) {
    const witness = people.find(({ role, step }) => role === "witness" && step === 1);
    if (witness) throw new OrderError("private", witness.account);
    if (needs[1]) throw new OrderError("need");
}

/** @param {Person[]} people @param {Record<string, number>} needs */
function checkCounts(people, needs) {
    const acting = people.filter(({ role }) => role !== "witness" && role !== "viewer");
    for (const [step, need] of Object.entries(needs))
        if (need > acting.filter((one) => one.step === Number(step)).length)
            throw new OrderError("need", String(need));
    if (acting.length === 0) throw new OrderError("empty");
}

/** @param {string} page @param {string} row @param {string} side @returns {Person["place"]} */
function placed(page, row, side) {
    const corner = /** @type {import("../../pdf/boxes.js").Corner} */ (`${row} ${side}`);
    return { page: Number(page), corner };
}

/** @param {string} word @param {number} least @param {number} most @returns {number} */
function within(word, least, most) {
    const found = POINTS.test(word) ? Number(word) : NaN;
    if (!(least <= found && found <= most)) throw new OrderError("area", word);
    return found;
}

/** @param {Person[]} people @param {boolean} isEach those of the first step: never in one document */
function checkPlaces(people, isEach) {
    for (const [at, { place, step }] of people.entries())
        for (const other of people.slice(at + 1)) {
            const alike = isEach && step === 1 && other.step === 1;
            const [one, two] = [place?.area, other.place?.area];
            if (!alike && one && two && place?.page === other.place?.page && isOver(one, two))
                throw new OrderError("covers", other.account);
        }
}

/** Reads words from the left to the right, looking at the next alone. */
class Reader {
    /** @param {string[]} words */
    constructor(words) {
        this.words = words;
        this.at = 0;
    }

    get word() {
        return this.words[this.at] ?? "";
    }

    /** @param {Set<string>} known @returns {boolean} whether the next word is one of them: it is read */
    #takes(known) {
        const isIt = known.has(this.word.toLowerCase());
        if (isIt) this.at += 1;
        return isIt;
    }

    read() {
        const stages = [this.#stage()];
        while (this.#takes(THEN)) stages.push(this.#stage());
        const isEnded = this.word === ";";
        if (isEnded) this.at += 1;
        const copies = COPY.has(this.word.toLowerCase()) ? this.#copies() : [];
        if ((isEnded && copies.length === 0) || this.at < this.words.length)
            throw new OrderError("word", this.word);
        return { stages, copies };
    }

    #stage() {
        /** @type {number | undefined} */
        let need;
        const after = (this.words[this.at + 1] ?? "").toLowerCase();
        if (COUNT.test(this.word) && OF.has(after)) {
            need = Number(this.word);
            this.at += 2;
        }
        const wanted = [this.#wanted()];
        while (this.#takes(AND)) wanted.push(this.#wanted());
        return { wanted, need };
    }

    /** @returns {Person} */
    #wanted() {
        const wanted = this.#withoutLevel();
        const level = this.#level();
        if (level && (wanted.role === "approver" || wanted.role === "viewer"))
            throw new OrderError("certificate", wanted.account);
        return level ? { ...wanted, level } : wanted;
    }

    /** @returns {Person["level"]} by which certificate they sign; none: it is not said */
    #level() {
        if (this.#takes(QUALIFIED)) return "S4";
        if (!this.#takes(WITH)) return undefined;
        while (this.#takes(THEIR));
        if (!this.#takes(CERTIFICATE)) throw new OrderError("word", this.word);
        if (this.#takes(OF_THEIRS)) while (this.#takes(THEIR));
        return "S3";
    }

    /** @returns {Person} */
    #withoutLevel() {
        const account = this.#person();
        let place = this.#place();
        if (!this.#takes(AS)) return { ...emptyPerson(1), account, place };
        const role = ROLES.find(([, words]) => words.has(this.word.toLowerCase()))?.[0];
        if (!role) throw new OrderError("role", this.word);
        if (role === "seal") throw new OrderError("private", this.word);
        this.at += 1;
        const of = role === "witness" && this.#takes(OF) ? this.#person() : "";
        place ??= this.#place();
        if (place && (role === "approver" || role === "viewer"))
            throw new OrderError("place", account);
        return { ...emptyPerson(1), account, role, of, place };
    }

    /** @returns {Person["place"]} */
    #place() {
        if (!this.#takes(ON)) return null;
        if (!this.#takes(PAGE)) throw new OrderError("word", this.word);
        const page = this.word;
        if (!NUMBER.test(page) || Number(page) > PAGE_MAX) throw new OrderError("page", page);
        this.at += 1;
        if (this.#takes(AT))
            return { page: Number(page), corner: "bottom right", area: this.#area() };
        if (this.#takes(TOP)) return placed(page, "top", this.#side() ?? "right");
        const isBottom = this.#takes(BOTTOM);
        const first = this.#side();
        const second = first === "middle" && !isBottom ? this.#side() : undefined;
        if (second) return placed(page, "middle", second);
        return placed(page, "bottom", first ?? "right");
    }

    #side() {
        return SIDES.find(([, words]) => this.#takes(words))?.[0];
    }

    /** @returns {import("../../pdf/boxes.js").Area} */
    #area() {
        const [x, y] = [this.#points(0, POINT_MAX), this.#points(0, POINT_MAX)];
        if (!this.#takes(SIZE)) return { x, y, width: BOX_WIDTH, height: BOX_HEIGHT };
        const both = BY.exec(this.word.toLowerCase());
        if (!both) {
            const width = this.#points(...WIDTHS);
            return { x, y, width, height: this.#points(...HEIGHTS) };
        }
        this.at += 1;
        const [, width = "", height = ""] = both;
        return { x, y, width: within(width, ...WIDTHS), height: within(height, ...HEIGHTS) };
    }

    /** @param {number} least @param {number} most @returns {number} */
    #points(least, most) {
        const found = within(this.word, least, most);
        this.at += 1;
        return found;
    }

    /** @returns {string[]} */
    #copies() {
        this.at += 1;
        this.#takes(TO);
        const copies = [this.#person()];
        while (this.#takes(AND)) copies.push(this.#person());
        return copies;
    }

    /** @returns {string} */
    #person() {
        const { word } = this;
        if (!word) throw new OrderError(this.words.length > 0 ? "word" : "empty");
        if (MARKS.includes(word)) throw new OrderError("private", word);
        if (RESERVED.has(word.toLowerCase()) || !PERSON.test(word))
            throw new OrderError("word", word);
        this.at += 1;
        return word;
    }
}
