/**
 * What somebody types who asks for signatures, and what that is: who acts in which order, what they
 * agree to, until when. Pure.
 *
 * @typedef {"signer" | "clerk" | "approver" | "witness" | "viewer"} Role
 *
 * @typedef {object} Person a row
 * @property {string} account as it is typed
 * @property {string} name empty: they are called by their account
 * @property {Role} role
 * @property {number} step from 1
 * @property {string} of of a witness: account of whom they see sign
 * @property {import("../../pdf/boxes.js").Place | null} place of their box; null: at the end
 * @property {"S3" | "S4"} [level] by which certificate of their own; none: as everybody
 *
 * @typedef {object} ClauseRow
 * @property {string} title
 * @property {"required" | "unfair" | "optional"} kind
 * @property {number} page
 *
 * @typedef {object} Form
 * @property {string} title
 * @property {Person[]} people
 * @property {Record<string, number>} needs by step: how many are enough; none: all
 * @property {boolean} [isEach] whether each of the first step gets a document of their own
 * @property {ClauseRow[]} clauses
 * @property {"S0" | "S1" | "S2"} level
 * @property {"when_complete" | "each"} effect
 * @property {boolean} mayDelegate
 * @property {number} days until the deadline
 *
 * @typedef {object} Problem
 * @property {string} field id of the control
 * @property {"title" | "account" | "twice" | "nobody" | "need" | "of" | "many" | "clause"
 *   | "clause_page" | "unfair" | "boxes" | "days" | "each_witness" | "level" | "no_pages"} what
 *
 * @typedef {object} Party as the service takes it
 * @property {string} party
 * @property {Role} role
 * @property {string} user
 * @property {string} [of]
 * @property {"S3" | "S4"} [level]
 *
 * @typedef {object} Order
 * @property {Party[]} parties
 * @property {{parties: string[], need: number | null}[]} stages
 */
import { line } from "../../kit/showable.js";

export const TITLE_MAX = 200;
export const PARTIES_MAX = 100;
export const STEPS_MAX = 20;
export const DAYS_MAX = 180;
export const CLAUSES_MAX = 30;
/** Clauses that are signed by themselves, as the service takes them. */
export const UNFAIR_MAX = 15;
/** In one document, those of clauses included. */
export const BOXES_MAX = 200;
const ACCOUNT = /^@[a-z0-9._=\-/+]{1,200}:[A-Za-z0-9.-]+(?::\d{1,5})?$/;
const LINK = "https://matrix.to/#/";
const SIGNS = new Set(["signer", "clerk", "witness"]);
/** Who agrees to what the document says. */
const CONSENTS = new Set(["signer", "clerk"]);

/** @returns {Form} */
export function emptyForm() {
    return {
        title: "",
        people: [emptyPerson(1)],
        needs: {},
        isEach: false,
        clauses: [],
        level: "S2",
        effect: "when_complete",
        mayDelegate: false,
        days: 14,
    };
}

/** @param {number} step @returns {Person} */
export function emptyPerson(step) {
    return { account: "", name: "", role: "signer", step, of: "", place: null };
}

/**
 * @param {string} typed `@bob:example.org`, or `bob` of the same server
 * @param {string} server
 * @returns {string} the account; empty: it is none
 */
export function accountOf(typed, server) {
    const words = typed.trim().replace(LINK, "");
    const whole = words.includes(":") ? words : `${words}:${server}`;
    const found = whole.startsWith("@") ? whole : `@${whole}`;
    return ACCOUNT.test(found) ? found : "";
}

/** @param {Role} role @returns {boolean} whether they sign in a box of the document */
export function hasBox(role) {
    return SIGNS.has(role);
}

/** @param {number} at from 0 @returns {string} */
export function fieldOf(at) {
    return `Sig${at + 1}`;
}

/** @param {number} at from 0 @returns {string} */
export function clauseId(at) {
    return `c${at + 1}`;
}

/**
 * @param {Role} role
 * @param {Form} form
 * @returns {{id: string, title: string}[]} the clauses that somebody signs by themselves
 */
export function boxedClauses(role, { clauses }) {
    if (!CONSENTS.has(role)) return [];
    return clauses.flatMap(({ kind, title }, at) =>
        kind === "unfair" ? [{ id: clauseId(at), title: line(title) }] : [],
    );
}

/**
 * @param {Form} form
 * @param {string} server
 * @returns {Order}
 */
export function orderOf({ people, needs }, server) {
    const accounts = people.map((one) => accountOf(one.account, server));
    const idOf = (/** @type {string} */ account) => `p${accounts.indexOf(account) + 1}`;
    const parties = people.map(({ role, of, level }, at) => ({
        party: `p${at + 1}`,
        role,
        user: accounts[at] ?? "",
        ...(role === "witness" && { of: idOf(accountOf(of, server)) }),
        ...(level && SIGNS.has(role) && { level }),
    }));
    const steps = [...new Set(people.map((one) => stepOf(one, people, server)))];
    const stages = steps
        .toSorted((a, b) => a - b)
        .map((step) => {
            const members = parties.filter(
                ({ role }, at) =>
                    role !== "viewer" &&
                    stepOf(/** @type {Person} */ (people[at]), people, server) === step,
            );
            const acting = members.filter(({ role }) => role !== "witness").length;
            const need = needs[step] && needs[step] < acting ? needs[step] : null;
            return { parties: members.map(({ party }) => party), need };
        })
        .filter((one) => one.parties.length > 0);
    return { parties, stages };
}

/** @param {Person} one @param {Person[]} people @param {string} server @returns {number} a witness stands beside whom they see */
function stepOf(one, people, server) {
    if (one.role !== "witness") return one.step;
    const of = accountOf(one.of, server);
    return people.find(({ account }) => accountOf(account, server) === of)?.step ?? one.step;
}

/**
 * Of each document whose people are in a form: one, or one for each of the first step.
 * @param {Form} form
 * @returns {Form[]}
 */
export function formsOf(form) {
    if (!form.isEach) return [form];
    const first = firstOf(form);
    return first.map((one) => {
        // In the order of the rows, by which boxes are called.
        const people = form.people.filter((other) => other === one || !first.includes(other));
        return Object.assign({}, form, { isEach: false, people });
    });
}

/** @param {Pick<Form, "people">} form @returns {Person[]} who acts in its first step */
export function firstOf({ people }) {
    const acting = people.filter(({ role }) => role !== "witness" && role !== "viewer");
    const first = Math.min(...acting.map(({ step }) => step));
    return acting.filter(({ step }) => step === first);
}

/**
 * @param {Form} form
 * @param {{account: string, name: string}[]} listed
 * @returns {Pick<Form, "people" | "isEach">} with these in its first step, as its first one signed
 */
export function withPeople(form, listed) {
    const first = firstOf(form);
    const model = first[0] ?? emptyPerson(1);
    const others = form.people.filter((one) => !first.includes(one));
    const people = listed.map((one) => Object.assign({}, model, one));
    return { people: [...people, ...others], isEach: listed.length > 1 };
}

/**
 * @param {Form} form of many
 * @returns {Form | undefined} the same without the first of them; none: nobody is left
 */
export function withoutFirst(form) {
    const [done, ...left] = form.isEach ? firstOf(form) : [];
    if (left.length === 0) return undefined;
    return { ...form, people: form.people.filter((one) => one !== done) };
}

/**
 * @param {Form} form
 * @param {number} pages of the document
 * @param {string} server
 * @param {string[]} [own] certificates of their own by which people can sign; none: it is not known
 * @returns {Problem[]} what has to be corrected before it can be sent
 */
export function problemsOf(form, pages, server, own) {
    const title = line(form.title);
    return [
        .../** @type {Problem[]} */ (
            title === "" || title.length > TITLE_MAX ? [{ field: "title", what: "title" }] : []
        ),
        ...peopleProblems(form, server),
        ...levelProblems(form, own),
        ...(pages === 0 ? placeProblems(form) : []),
        ...clauseProblems(form, pages),
        .../** @type {Problem[]} */ (
            form.days >= 1 && form.days <= DAYS_MAX ? [] : [{ field: "days", what: "days" }]
        ),
    ];
}

/**
 * @param {Form} form
 * @param {Person} person
 * @returns {Person[]} the others whose boxes are in a document with theirs
 */
export function besides(form, person) {
    const { people } = formsOf(form).find((one) => one.people.includes(person)) ?? form;
    return people.filter((one) => one !== person && hasBox(one.role));
}

/** @param {Form} form @param {string} server @returns {Problem[]} */
function peopleProblems({ people, needs, isEach }, server) {
    /** @type {Problem[]} */
    const found = [];
    const accounts = people.map((one) => accountOf(one.account, server));
    for (const [at, account] of accounts.entries()) {
        const one = /** @type {Person} */ (people[at]);
        const field = `account-${at}`;
        if (!account) found.push({ field, what: "account" });
        else if (accounts.indexOf(account) < at) found.push({ field, what: "twice" });
        if (one.role === "witness" && !isSeen(one, people, server))
            found.push({ field: `of-${at}`, what: "of" });
    }
    const first = isEach ? firstOf({ people }).map((one) => accountOf(one.account, server)) : [];
    for (const [at, { role, of }] of people.entries())
        if (role === "witness" && first.includes(accountOf(of, server)))
            found.push({ field: `of-${at}`, what: "each_witness" });
    if (people.length > PARTIES_MAX) found.push({ field: "account-0", what: "many" });
    if (!people.some(({ role }) => role === "signer" || role === "clerk" || role === "approver"))
        found.push({ field: "account-0", what: "nobody" });
    const firstStep = isEach ? firstOf({ people })[0]?.step : undefined;
    for (const [step, need] of Object.entries(needs)) {
        if (Number(step) === firstStep) continue; // each signs a document of their own
        const acting = people.filter(
            (one) => one.step === Number(step) && one.role !== "witness" && one.role !== "viewer",
        );
        if (acting.length > 0 && (need < 1 || need > acting.length))
            found.push({ field: `need-${step}`, what: "need" });
    }
    return found;
}

/** @param {Form} form of a file without pages @returns {Problem[]} */
function placeProblems({ people }) {
    return people.flatMap(({ role, place }, at) =>
        place && hasBox(role)
            ? [{ field: `place-${at}`, what: /** @type {const} */ ("no_pages") }]
            : [],
    );
}

/** @param {Form} form @param {string[] | undefined} own @returns {Problem[]} */
function levelProblems({ people }, own) {
    return people.flatMap(({ role, level }, at) =>
        own && level && hasBox(role) && !own.includes(level)
            ? [{ field: `level-${at}`, what: /** @type {const} */ ("level") }]
            : [],
    );
}

/** @param {Person} witness @param {Person[]} people @param {string} server */
function isSeen({ of }, people, server) {
    const wanted = accountOf(of, server);
    return people.some(
        ({ account, role }) =>
            accountOf(account, server) === wanted && role !== "witness" && role !== "viewer",
    );
}

/** @param {Form} form @param {number} pages @returns {Problem[]} */
function clauseProblems(form, pages) {
    const { clauses } = form;
    const { people } = formsOf(form)[0] ?? form;
    const unfair = clauses.map(({ kind }) => kind === "unfair");
    const boxes = people
        .filter(({ role }) => hasBox(role))
        .reduce((sum, { role }) => sum + 1 + boxedClauses(role, form).length, 0);
    const field = `clause-${unfair.lastIndexOf(true)}`;
    /** @type {Problem[]} */
    const many = [];
    if (unfair.filter(Boolean).length > UNFAIR_MAX) many.push({ field, what: "unfair" });
    else if (boxes > BOXES_MAX) many.push({ field, what: "boxes" });
    const others = clauses.flatMap(({ title, page }, at) => {
        const words = line(title);
        /** @type {Problem[]} */
        const found = [];
        if (words === "" || words.length > TITLE_MAX)
            found.push({ field: `clause-${at}`, what: "clause" });
        if (!(page >= 1 && page <= pages)) found.push({ field: `page-${at}`, what: "clause_page" });
        return found;
    });
    return [...others, ...many];
}
