/**
 * The offices' API answered by the test itself, in the shapes of appservices/agency/pages/api.py:
 * for what a real service cannot be made to show at will (every kind of field, hostile words, errors,
 * a lost network). What depends on a service is tested in the house.
 *
 * @typedef {import("./harness.js").Opened} Opened
 * @typedef {import("./answers.js").Held} Held
 * @typedef {{method: string, path: string, query: URLSearchParams, body: any, key: string | undefined}} Heard
 */
import { answer } from "./answers.js";

export const PERSON = "@alice:localhost";
export const CASE = "01JD0000000000000000000001";
export const PROMPT = "01JD000000000000000000000P";
const DAY_MS = 24 * 60 * 60 * 1000;
const OFFICE = "riga.civil-status";
const SERVICE = "birth-certificate-copy";
const TITLE = "Copy of a birth certificate";
const RULE = "Civil Status Act, section 24";

/** @param {Partial<import("../../appservices/widgets/static/cases/agency.js").AskedField> & {id: string, kind: string, label: string}} field */
export function field(field) {
    return {
        required: false,
        help: null,
        choices: null,
        min: null,
        max: null,
        max_length: null,
        currency: null,
        mimetypes: null,
        bytes_max: null,
        purpose: null,
        by_page: field.kind !== "file" && field.kind !== "photo",
        ...field,
    };
}

export const FORM = [
    field({
        id: "child_name",
        kind: "person_name",
        label: "Name of the child",
        help: "As it stands in the certificate.",
        required: true,
    }),
    field({
        id: "born_on",
        kind: "date",
        label: "Day of birth",
        max: "2025-11-26",
        required: true,
    }),
    field({
        id: "reason",
        kind: "choice",
        label: "What do you need the copy for?",
        required: true,
        choices: [
            { id: "school", label: "School" },
            { id: "travel", label: "Travel" },
            { id: "court", label: "Court" },
        ],
        purpose: "statistics",
    }),
    field({ id: "old_copy", kind: "photo", label: "A photo of an older copy, if you have one" }),
];

/** @param {Record<string, unknown>} [more] */
export function service(more = {}) {
    return {
        office: OFFICE,
        service: SERVICE,
        title: TITLE,
        summary:
            "A certified copy for school, travel or court. You need the name and the day of birth of the child.",
        steps: ["form", "review", "document"],
        deadline: { working_days: 5, rule: RULE },
        fee: null,
        documents: [TITLE],
        needs_key: false,
        ...more,
    };
}

/** @param {Record<string, unknown>} [more] */
export function servicePage(more = {}) {
    return {
        ...service(),
        language: "en",
        office_name: "Civil Status Office",
        organisation: "Town of Riga",
        bot: "@veche_riga.civil-status:localhost",
        bot_link: "https://matrix.to/#/@veche_riga.civil-status:localhost",
        min_trust: "e2ee",
        cost: "free of charge",
        time: "at most 5 working days",
        after: "If the office says nothing until then, it counts as refused, and you can appeal.",
        step_list: [
            { kind: "form", text: "You answer 4 questions." },
            { kind: "review", text: "A clerk looks at it." },
            { kind: "document", text: "You get the document: Copy of a birth certificate." },
        ],
        appeal: "Write to the Administrative Court of the town. It costs nothing, and you need no lawyer.",
        appeal_days: 30,
        human_working_days: 2,
        form: { fields: FORM },
        ...more,
    };
}

/** @param {Record<string, unknown>} [more] a line of the list */
export function line(more = {}) {
    const now = Date.now();
    return {
        case: CASE,
        number: "RIGA-2026-000123",
        office: OFFICE,
        office_name: "Civil Status Office",
        organisation: "Town of Riga",
        service: SERVICE,
        title: TITLE,
        state: "submitted",
        state_text: "submitted, waits for the office",
        is_open: true,
        waits_for_you: false,
        next: "A clerk looks at it next.",
        clock: { due_at_ms: now + 6 * DAY_MS, rule: RULE },
        opened_at_ms: now - DAY_MS,
        updated_at_ms: now - DAY_MS,
        ...more,
    };
}

/** @param {Record<string, unknown>} [more] */
export function theCase(more = {}) {
    const now = Date.now();
    return {
        ...line(),
        version: "1",
        bot: "@veche_riga.civil-status:localhost",
        room: "https://matrix.to/#/!room:localhost?via=localhost",
        is_room_own: true,
        submitted_at_ms: now - DAY_MS,
        card: [],
        history: [
            { at_ms: now - DAY_MS - 60_000, who: "You", what: "case opened", text: null },
            { at_ms: now - DAY_MS, who: "You", what: "submitted", text: null },
        ],
        answers: [
            { field: "child_name", label: "Name of the child", value: "Anna Ozola" },
            { field: "born_on", label: "Day of birth", value: "3 May 2015" },
            { field: "reason", label: "What do you need the copy for?", value: "School" },
        ],
        question: null,
        refusal: null,
        fee: null,
        documents: [],
        prompts: [],
        form: null,
        draft: {},
        takes_files: false,
        commands: [
            { command: "human", label: "asks a human being", takes_text: true },
            { command: "why", label: "why", takes_text: false },
            { command: "withdraw", label: "withdraw", takes_text: false },
        ],
        ...more,
    };
}

/** @param {Record<string, unknown>} [more] @param {Record<string, unknown>} [around] */
export function prompt(more = {}, around = {}) {
    return {
        topic: "more",
        text: "",
        ...around,
        prompt: {
            v: 1,
            id: PROMPT,
            scope: [PERSON],
            single_use: true,
            expires_at_ms: Date.now() + DAY_MS,
            min_trust: "any",
            choices: [],
            form: null,
            url: null,
            closed: null,
            chosen: null,
            twin: null,
            ...more,
        },
    };
}

/** A case whose form is being filled in. @param {Record<string, unknown>} [more] @param {unknown[]} [fields] */
export function draftCase(more = {}, fields = FORM) {
    return theCase({
        state: "draft",
        state_text: "being filled in",
        waits_for_you: true,
        next: "Please answer the questions below.",
        submitted_at_ms: null,
        clock: null,
        answers: [],
        history: [{ at_ms: Date.now() - 60_000, who: "You", what: "case opened", text: null }],
        prompts: [prompt({ form: { fields } }, { topic: "form" })],
        form: { fields },
        ...more,
    });
}

export class AgencyFake {
    constructor() {
        /** @type {Heard[]} what was asked for, in order */
        this.heard = [];
        /** @type {Record<string, unknown>[]} */
        this.cases = [];
        /** @type {Record<string, any>} */
        this.case = theCase();
        this.offices = [
            {
                office: OFFICE,
                name: "Civil Status Office",
                organisation: "Town of Riga",
                bot: "@veche_riga.civil-status:localhost",
                bot_link: "https://matrix.to/#/@veche_riga.civil-status:localhost",
                picture: null,
                hours: [],
                services: [service()],
            },
        ];
        /** @type {Record<string, unknown>} */
        this.page = servicePage();
        /** @type {Record<string, unknown>[]} */
        this.homes = [];
        /** @type {{field: string, error: string, code: string}[]} */
        this.errors = [];
        /** @type {Map<string, {status: number, body: Record<string, unknown>}>} by "METHOD /path" */
        this.refusals = new Map();
        /** @type {Set<string>} "METHOD /path" that never reaches the service */
        this.lost = new Set();
        /** @type {(heard: Heard) => void} called for each act, to let the case go on */
        this.acted = () => {};
        /** @type {Promise<void>} files wait for it */
        this._held = Promise.resolve();
        this._version = 1;
        /** @type {Set<() => void>} */
        this._waiting = new Set();
    }

    /**
     * Answers for a browser profile, in which a person is signed in.
     * @param {Opened} opened
     * @param {{isSignedIn?: boolean, language?: string}} [options]
     */
    async serve({ context }, { isSignedIn = true, language = "en" } = {}) {
        await answer(context, /\/_veche\//, (route) => this._answer(route));
        if (isSignedIn) await context.addInitScript(signIn, { person: PERSON, language });
    }

    /** What is shown is another from now on; who follows is told. @param {Record<string, any>} [theirCase] */
    change(theirCase) {
        if (theirCase) this.case = theirCase;
        this._version += 1;
        for (const wake of [...this._waiting]) wake();
    }

    /** Whether files that come from now on are never answered. @param {boolean} isHeld */
    hold(isHeld) {
        this._held = isHeld ? new Promise(() => {}) : Promise.resolve();
    }

    /** @param {string} method @param {string} path @param {number} status @param {Record<string, unknown>} body */
    refuse(method, path, status, body) {
        this.refusals.set(`${method} ${path}`, { status, body });
    }

    /** @param {string} method @param {RegExp} path @returns {Heard[]} */
    of(method, path) {
        return this.heard.filter((one) => one.method === method && path.test(one.path));
    }

    /** @param {Held} route */
    async _answer(route) {
        const request = route.request();
        const url = new URL(request.url());
        const path = url.pathname.replace("/_veche", "");
        const isFile = path.endsWith("/files");
        const body = isFile ? request.postDataBuffer() : request.postDataJSON();
        const key = request.headers()["idempotency-key"];
        const heard = { method: request.method(), path, query: url.searchParams, body, key };
        const name = `${heard.method} ${path}`;
        if (this.lost.has(name)) return void route.abort("connectionfailed");
        this.heard.push(heard);
        if (isFile) await this._held;
        const refusal = this.refusals.get(name);
        if (refusal) return void route.fulfill({ status: refusal.status, json: refusal.body });
        const after = url.searchParams.get("after");
        if (after === String(this._version)) await this._changed();
        const result = this._result(heard);
        const isGone = result === undefined;
        await route.fulfill({
            status: isGone ? 404 : 200,
            json: isGone ? { errcode: "ORG.VECHE.NOT_FOUND", error: "Not here." } : result,
        });
    }

    _changed() {
        return new Promise((resolve) => {
            const wake = () => {
                this._waiting.delete(wake);
                resolve(undefined);
            };
            this._waiting.add(wake);
        });
    }

    /** @param {Heard} heard @returns {unknown} */
    _result(heard) {
        const { method, path, query } = heard;
        const version = String(this._version);
        const [, , , , part] = path.split("/");
        if (path === "/agency/v1/catalogue") return this._catalogue(query.get("q") ?? "");
        if (path.startsWith("/agency/v1/catalogue/")) return this.page;
        if (path === "/agency/v1/homes") return { homes: this.homes };
        if (path === "/agency/v1/forms/check") return this._check(heard.body.fields);
        if (method === "GET" && path === "/agency/v1/cases") return { version, cases: this.cases };
        if (method === "GET" && part === this.case.case) return { ...this.case, version };
        if (method === "GET") return undefined;
        this.acted(heard);
        if (path === "/agency/v1/cases") return { case: this.case.case, is_chat_new: false };
        if (path.endsWith("/draft")) return this._keep(heard.body.values);
        if (/\/(answers|commands|files)$/.test(path))
            return { outcome: "done", version: String(this._version) };
        return {};
    }

    /** @param {string} q */
    _catalogue(q) {
        const words = q.toLowerCase().split(/\s+/).filter(Boolean);
        const offices = this.offices
            .map((office) => ({
                ...office,
                services: office.services.filter((one) =>
                    words.every((word) => String(one.title).toLowerCase().includes(word)),
                ),
            }))
            .filter((office) => office.services.length);
        const count = offices.reduce((sum, office) => sum + office.services.length, 0);
        return { language: "en", count, offices };
    }

    /** @param {string[] | null} fields */
    _check(fields) {
        return {
            errors: this.errors.filter((one) => !fields || fields.includes(one.field)),
            shown: {},
        };
    }

    /** @param {Record<string, unknown>} values */
    _keep(values) {
        // Files are not typed: those that were sent stay.
        const isFile = (/** @type {string} */ name) =>
            this.case.form?.fields.some(
                (/** @type {any} */ one) => one.id === name && one.by_page === false,
            );
        const kept = Object.entries(this.case.draft).filter(([name]) => isFile(name));
        this.case = { ...this.case, draft: { ...values, ...Object.fromEntries(kept) } };
        this.change();
        return { errors: [] };
    }
}

/**
 * Runs in the page before its own scripts: as the sign-in page leaves it.
 * @param {{person: string, language: string}} who
 */
function signIn({ person, language }) {
    if (!location.origin.startsWith("http") || window.top !== window) return;
    if (sessionStorage.getItem("test.signed-in")) return;
    sessionStorage.setItem("test.signed-in", "yes");
    const session = {
        token: "t".repeat(43),
        id: "01JD00000000000000000000S0",
        level: "verified",
        person,
        language,
        expires_at_ms: Date.now() + 60 * 60 * 1000,
        idle_ms: 900_000,
    };
    sessionStorage.setItem("veche.session", JSON.stringify(session));
}
