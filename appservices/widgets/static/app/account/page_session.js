/**
 * The session of the app's pages. A bot sends a sign-in link into the person's encrypted chat with
 * it; this device reads the link there, so nobody copies anything.
 *
 * @typedef {import("../client/open.js").MatrixClient} MatrixClient
 */
import { call } from "../../kit/api.js";
import { currentLanguage } from "../../kit/i18n.js";
import { isOurBot } from "../../kit/page.js";
import { eventsOf, whenSaid } from "../client/content.js";
import { isOfBot } from "../registry.js";
import { begin, renewBy, session } from "../../kit/session.js";
import { account, whenAccountChanges, whenOpened } from "./account.js";
import { answerOthers, askOther } from "./relay.js";
import { SIGN_IN, keepOwn, readTalk } from "./sign_in_talk.js";

const LINK = /\/signin#([A-Za-z0-9_-]{22})/;
const CODE = /<code>(\d{6})<\/code>/;
const ANSWER_MS_MAX = 30_000;

/** The bot did not answer in time. */
export class NoLinkError extends Error {}

/** @type {Promise<void> | undefined} */
let beginning;

/** Begins a session if there is none; once, however often it is asked for. @returns {Promise<void>} */
export function ensureSession() {
    if (session()) return Promise.resolve();
    beginning ??= enter().finally(() => (beginning = undefined));
    return beginning;
}

async function enter() {
    const secret = await signInSecret();
    // The bots speak the language of the app from now on, and do not ask for it.
    const body = { secret, language: currentLanguage() };
    const begun = await call("POST", "/_veche/sessions/v1/link", { body });
    if (begun.person !== account().session?.userId) throw new NoLinkError("of somebody else");
    keepOwn(begun.id);
    begin(begun);
}

/** Renews the session by itself, and gives links to the app's other tabs. */
export function keepSigned() {
    renewBy(ensureSession);
    answerOthers({ link: () => signInSecret(), code: (words) => keyCode(String(words)) });
    const look = () => {
        if (location.hash.startsWith("#/open/")) return; // another page gets one there
        if (["ready", "elsewhere"].includes(account().phase) && !account().session?.unfinished)
            void ensureSession().catch(() => {});
    };
    whenAccountChanges(look);
    whenOpened(({ client }) => client.on(/** @type {any} */ ("crypto.devicesUpdated"), look));
    readTalk();
    document.addEventListener("visibilitychange", () => {
        if (document.visibilityState === "visible") look();
    });
    window.addEventListener("online", look);
    look();
}

/** Of another tab, or of this one once it runs the client: the other may be closed. @param {() => Promise<string>} own @param {[what: string, given?: string]} asked */
function otherOr(own, ...asked) {
    let isOver = false;
    const here = new Promise((resolve) => whenOpened(() => isOver || resolve(own())));
    return Promise.race([askOther(...asked), here]).finally(() => (isOver = true));
}

/** @type {Set<string>} secrets that this page has taken: each is good once */
const taken = new Set();

/** @returns {Promise<string>} the secret of a fresh link, good once */
export async function signInSecret() {
    const { phase, opened } = account();
    if (phase === "elsewhere") return otherOr(signInSecret, "link");
    if (!opened) throw new NoLinkError("not open");
    const { client } = opened;
    const { hasIdentity, isVerified } = await import("../client/identity.js");
    // Bots take no word of a device that its person's identity did not sign, and tell them so.
    if ((await hasIdentity(opened)) && !(await isVerified(opened)))
        throw new NoLinkError("this device is not confirmed");
    const room = await botRoom(client);
    const found = answerIn(client, room, (content) => {
        // In other messages bots repeat what people have written, which may be a link of theirs.
        const secret = content[SIGN_IN] && LINK.exec(content.formatted_body)?.[1];
        if (!secret || taken.has(secret)) return undefined;
        taken.add(secret);
        return secret;
    });
    await client.sendMessage(
        room,
        /** @type {any} */ ({ msgtype: "m.text", body: "page", [SIGN_IN]: { v: 1 } }),
    );
    return found;
}

/**
 * The code that a bot has sent for a new key of this person.
 * @param {string} words of the key: another's code is not taken
 * @returns {Promise<string>}
 */
export async function keyCode(words) {
    const { phase, opened } = account();
    if (phase === "elsewhere") return otherOr(() => keyCode(words), "code", words);
    if (!opened) throw new NoLinkError("not open");
    const read = (/** @type {any} */ content) =>
        String(content.body).includes(words)
            ? CODE.exec(String(content.formatted_body))?.[1]
            : undefined;
    const known = allEvents(opened.client).findLast(
        (event) => isOfBot(event) && read(event.getContent()),
    );
    return (known && read(known.getContent())) ?? answerIn(opened.client, undefined, read);
}

/** @param {MatrixClient} client */
const allEvents = (client) => client.getRooms().flatMap(eventsOf);

/**
 * What one of our bots says next.
 * @param {MatrixClient} client
 * @param {string | undefined} roomId
 * @param {(content: any) => string | undefined} read
 * @returns {Promise<string>}
 */
function answerIn(client, roomId, read) {
    const before = new Set(allEvents(client).map((one) => one.getId()));
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            stop();
            reject(new NoLinkError("no answer"));
        }, ANSWER_MS_MAX);
        const stop = whenSaid(client, (event) => {
            if (!isOfBot(event) || before.has(event.getId())) return;
            if (roomId && event.getRoomId() !== roomId) return;
            const found = read(event.getContent());
            if (!found) return;
            clearTimeout(timer);
            stop();
            resolve(found);
        });
    });
}

/** @param {MatrixClient} client @returns {Promise<string>} an encrypted room with a bot alone */
async function botRoom(client) {
    const known = client.getRooms().find((room) => {
        const isTwo = room.getInvitedAndJoinedMemberCount() === 2;
        const other = room.guessDMUserId();
        return (
            room.getMyMembership() === "join" &&
            room.hasEncryptionStateEvent() &&
            isTwo &&
            isOurBot(other) &&
            room.getMember(other)?.membership === "join"
        );
    });
    if (known) return known.roomId;
    const [bot] = await bots();
    if (!bot) throw new NoLinkError("no bot");
    const { direct } = await import("../client/rooms.js");
    const id = await direct(client, bot);
    await joined(client, id, bot);
    return id;
}

/** @returns {Promise<string[]>} ids of the bots of offices */
async function bots() {
    const query = { lang: currentLanguage() };
    const { offices } = await call("GET", "/_veche/agency/v1/catalogue", { query });
    const ids = offices.map((/** @type {any} */ { bot_link }) => /#\/([^?]+)/.exec(bot_link)?.[1]);
    return ids.filter(Boolean).map(decodeURIComponent);
}

/** @param {MatrixClient} client @param {string} roomId @param {string} bot */
async function joined(client, roomId, bot) {
    const { until } = await import("../client/open.js");
    const isThere = () => client.getRoom(roomId)?.getMember(bot)?.membership === "join";
    const late = new Promise((_, reject) => {
        setTimeout(() => reject(new NoLinkError("no bot came")), ANSWER_MS_MAX);
    });
    await Promise.race([until(isThere, client, "RoomState.members"), late]);
}
