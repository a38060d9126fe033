// stage: app
// What the app's modules refuse to believe, each by itself: app_hostile.test.js plays it as a person sees it.
// What is played in a page is one function, and reaches nothing around it.
/* oxlint-disable max-lines-per-function, unicorn/consistent-function-scoping */
import assert from "node:assert/strict";
import { laboratory } from "./app_lab.js";
import { test } from "./harness.js";

test("what others write is what it should be, or left out", async (stage) => {
    const { run } = await laboratory(stage);
    const found = await run(async ({ at }) => {
        const { tidied, tidiedEvent } = await at("kit/untrusted.js");
        const texts = "body displayname avatar_url event_id filename format formatted_body";
        const more = "membership mimetype msgtype name redacts rel_type topic url";
        const objects = "file info m.in_reply_to m.mentions m.new_content m.relates_to events";
        const rest = "m.relations prev_content thumbnail_file users";
        const left = (/** @type {string} */ names, /** @type {any[]} */ odd) =>
            names.split(" ").filter((name) => odd.some((one) => name in tidied({ [name]: one })));
        const key = (/** @type {unknown} */ one) =>
            tidied({ "m.relates_to": { key: one } })["m.relates_to"].key;
        const whole = tidiedEvent(
            {
                ...{ redacts: {}, content: 5, origin_server_ts: 9e15 },
                unsigned: { prev_content: { displayname: {} }, "m.relations": 5, age: 1 },
            },
            1_000,
        );
        const at_ms = (/** @type {unknown} */ one) =>
            tidiedEvent({ origin_server_ts: one }, 1_000).origin_server_ts;
        return {
            texts: left(`${texts} ${more}`, [{}, [], 5, null, true]),
            objects: left(`${objects} ${rest}`, ["x", [], 5, null, true]),
            contents: [5, null, "x", ["x"]].map((one) => tidied(one)),
            good: tidied({ body: "b", info: { mimetype: "m" }, other: 5 }),
            inner: tidied({ info: { mimetype: {}, w: 5 } }),
            keys: [key("👍"), key("constructor"), key({}), key(5)].map((one) => one ?? null),
            whole,
            times: [5, -5, "x", null, 9e15].map(at_ms),
        };
    });

    assert.deepEqual(found.texts, []);
    assert.deepEqual(found.objects, []);
    assert.deepEqual(found.contents, [{}, {}, {}, {}]);
    assert.deepEqual(found.good, { body: "b", info: { mimetype: "m" }, other: 5 });
    assert.deepEqual(found.inner, { info: { w: 5 } });
    assert.deepEqual(found.keys, ["👍", null, null, null]);
    const unsigned = { prev_content: {}, age: 1 };
    const latest = 86_401_000;
    assert.deepEqual(found.whole, { content: {}, unsigned, origin_server_ts: latest });
    assert.deepEqual(found.times, [5, 0, 0, 0, latest]);
});

test("what is said in clear counts for nothing beside what was said encrypted", async (stage) => {
    const { run } = await laboratory(stage);
    const found = await run(async ({ at, sdk, event, secret, client, room, member, ...lab }) => {
        await at("app/client/guard.js");
        const { contentOf } = await at("app/client/content.js");
        const { isOfBot, cardsOf, registerCard } = await at("app/registry.js");
        const { Timeline } = await at("app/client/timeline.js");
        const mine = client();
        const text = (/** @type {string} */ body) => ({ content: { msgtype: "m.text", body } });
        const edit = { "m.relates_to": { rel_type: "m.replace", event_id: "$x" } };
        const edited = { content: { body: "* new", "m.new_content": { body: "new" }, ...edit } };
        const after = (/** @type {any} */ one, /** @type {any} */ by) => {
            one.makeReplaced(by);
            return contentOf(mine, one).body;
        };
        const locked = event({ type: "m.room.encrypted", content: { ...edit } });
        const sending = event(edited);
        sending.setStatus(sdk.EventStatus.SENDING);
        const prompt = { v: 1, id: "01", expires_at_ms: 9e12, choices: [{ id: "y", label: "Y" }] };
        const asks = { sender: lab.BOT, content: { body: "?", "org.veche.prompt": prompt } };
        const [clear, hidden] = [event(asks), secret(asks)];
        const known = await room(
            mine,
            [member(lab.ME), member(lab.BOT), lab.encryption()],
            [clear, hidden],
        );
        const timeline = new Timeline(mine, lab.ROOM);
        registerCard("org.veche.prompt", () => "a card");
        const cards = (/** @type {any} */ one) =>
            cardsOf(timeline.message(one), known.roomId).length;
        const stranger = secret({ ...asks, sender: lab.FRIEND });
        const { papers } = await at("app/elements/papers.js");
        const sign = { "org.veche.sign_request": { id: "s", title: "Lease", page: { a: 1 } } };
        const toSign = (/** @type {any} */ make, /** @type {string} */ sender) =>
            make({ sender, content: sign });
        const other = client();
        const documents = [
            toSign(secret, lab.BOT),
            toSign(event, lab.BOT),
            toSign(secret, lab.FRIEND),
        ];
        await room(other, [member(lab.ME), member(lab.BOT)], documents);
        const removed = secret(asks);
        removed.makeRedacted(event({ type: "m.room.redaction" }), known);
        return {
            inClear: after(secret(text("said")), event(edited)),
            encrypted: after(secret(text("said")), secret(edited)),
            underway: after(secret(text("said")), sending),
            bothInClear: after(event(text("said")), event(edited)),
            locked: after(secret(text("said")), locked),
            ofBot: [clear, hidden, stranger].map(isOfBot),
            papers: papers(other).map((/** @type {any} */ { title, href }) => [title, href]),
            place: `#/chats/!a%3Alocalhost/at/${encodeURIComponent(documents[0].getId())}`,
            cards: [clear, hidden, stranger].map(cards),
            removed: cards(removed),
            asked: [clear, hidden].map((one) => Boolean(timeline.asked(one.getId(), 1))),
            isClear: [clear, hidden].map((one) => timeline.message(one).isClear),
        };
    });

    assert.equal(found.inClear, "said");
    assert.equal(found.encrypted, "new");
    assert.equal(found.underway, "new");
    assert.equal(found.bothInClear, "new");
    assert.equal(found.locked, "said", "until it is decrypted");
    assert.deepEqual(found.ofBot, [false, true, false]);
    assert.deepEqual(found.cards, [0, 1, 0]);
    assert.equal(found.removed, 0);
    assert.deepEqual(found.papers, [["Lease", found.place]]);
    assert.deepEqual(found.asked, [false, true]);
    assert.deepEqual(found.isClear, [true, false]);
});

test("each event is tidied, each device weighed, before the SDK believes it", async (stage) => {
    const { run } = await laboratory(stage);
    const found = await run(async ({ at, sdk, event, client, room, member, ...lab }) => {
        const { guard } = await at("app/client/guard.js");
        /** @type {string[]} */
        const modes = [];
        let mode = "";
        let needsUserApproval = false;
        const crypto = {
            setDeviceIsolationMode: (/** @type {any} */ one) =>
                (mode = one instanceof sdk.OnlySignedDevicesIsolationMode ? "confirmed" : "all"),
            decryptEvent: async () => {
                modes.push(mode);
                const content = { body: { a: 1 }, msgtype: "m.text" };
                return { clearEvent: { type: "m.room.message", content }, by: "the SDK" };
            },
            encryptEvent: async () => void modes.push(mode),
            isEncryptionEnabledInRoom: async () => true,
            getDeviceVerificationStatus: async () => ({ crossSigningVerified: true }),
            getUserVerificationStatus: async () => ({
                ...{ known: true, needsUserApproval },
                wasCrossSigningVerified: () => false,
                isCrossSigningVerified: () => false,
            }),
        };
        const mine = client(crypto);
        const locked = [lab.BOT, lab.FRIEND].map((sender) =>
            event({ type: "m.room.encrypted", sender }),
        );
        const known = await room(mine, [member(lab.ME), member(lab.BOT), lab.encryption()], locked);
        guard(mine);
        const mapped = mine.getEventMapper()({ type: "m.room.message", content: { body: {} } });
        const decrypted = await Promise.all(
            [lab.BOT, lab.FRIEND].map((sender) => mine.getCrypto().decryptEvent(event({ sender }))),
        );
        const said = await mine.getCrypto().encryptEvent(event({}), known).then(String, String);
        needsUserApproval = true;
        const refused = await mine.getCrypto().encryptEvent(event({}), known).then(String, String);
        /** @type {any[]} */
        const tried = [];
        for (const one of locked) {
            one.isDecryptionFailure = () => true;
            one.attemptDecryption = (/** @type {any[]} */ ...how) =>
                void tried.push([one.getSender(), how[1]]);
        }
        mine.emit(sdk.CryptoEvent.DevicesUpdated, [lab.FRIEND], false);
        mine.emit(sdk.CryptoEvent.DevicesUpdated, [lab.BOT], false);
        return {
            mapped: mapped.getContent(),
            decrypted,
            modes,
            mode,
            said,
            refused,
            tried,
            bot: lab.BOT,
        };
    });

    assert.deepEqual(found.mapped, {});
    const clearEvent = { type: "m.room.message", content: { msgtype: "m.text" } };
    assert.deepEqual(found.decrypted[0], { clearEvent, by: "the SDK" });
    assert.deepEqual(found.modes, ["confirmed", "all", "confirmed", "confirmed"]);
    assert.equal(found.mode, "all");
    assert.equal(found.said, "undefined");
    assert.match(found.refused, /an identity was replaced/);
    assert.deepEqual(found.tried, [[found.bot, { isRetry: true }]], "of bots alone");
});

test("whose keys have changed is seen among those to whom a message goes", async (stage) => {
    const { run } = await laboratory(stage);
    const found = await run(async ({ at, client, room, member, ...lab }) => {
        const trust = await at("app/client/trust.js");
        /** @type {Record<string, any>} */
        const is = {};
        let own = true;
        let isEnabled = true;
        const crypto = {
            isEncryptionEnabledInRoom: async () => isEnabled,
            getDeviceVerificationStatus: async () => ({ crossSigningVerified: own }),
            getUserVerificationStatus: async (/** @type {string} */ user) => ({
                known: is[user]?.known ?? true,
                needsUserApproval: is[user]?.isNew ?? false,
                wasCrossSigningVerified: () => is[user]?.was ?? false,
                isCrossSigningVerified: () => is[user]?.now ?? false,
            }),
        };
        const mine = client(crypto);
        const people = "new was still left banned invited".split(" ").map((one) => `@${one}:x`);
        const [fresh = "", was = "", still = "", left = "", banned = "", invited = ""] = people;
        const all = await room(mine, [
            ...[lab.ME, fresh, was, still].map((one) => member(one)),
            ...[
                [left, "leave"],
                [banned, "ban"],
                [invited, "invite"],
            ].map(([one, membership]) => member(one, { membership })),
        ]);
        const changed = async () =>
            (await trust.replacedIn(mine, lab.ROOM)).map((/** @type {any} */ one) => one.id);
        for (const one of [lab.ME, fresh, left, banned, invited]) is[one] = { isNew: true };
        Object.assign(is, { [was]: { was: true }, [still]: { was: true, now: true } });
        const secretOnlyHere = await changed();
        isEnabled = false;
        const inClear = await changed();
        isEnabled = true;
        const fetched = "@fetched:x";
        is[fetched] = { isNew: true };
        all.getEncryptionTargetMembers = async () => [{ userId: fetched, membership: "join" }];
        const toAll = await trust
            .mustBeTrusted(mine, lab.ROOM)
            .catch((/** @type {any} */ error) =>
                error.people.map((/** @type {any} */ one) => one.id),
            );
        const areConfirmed = [await trust.areConfirmed(mine, all)];
        is[fetched] = { known: false };
        areConfirmed.push(await trust.areConfirmed(mine, all));
        Object.assign(is, { [fetched]: {} });
        own = false;
        areConfirmed.push(await trust.areConfirmed(mine, all));
        return { secretOnlyHere, inClear, toAll, areConfirmed };
    });

    assert.deepEqual(found.secretOnlyHere, ["@new:x", "@was:x", "@invited:x"]);
    assert.deepEqual(found.inClear, []);
    assert.deepEqual(found.toAll, ["@fetched:x"]);
    assert.deepEqual(found.areConfirmed, [true, false, false]);
});

test("who is an office, a person I know or a stranger does not depend on what they say", async (stage) => {
    const { run } = await laboratory(stage);
    const found = await run(async ({ at, client, room, member, event, ...lab }) => {
        const { RoomList, direct, membersOf } = await at("app/client/rooms.js");
        const { nameIn } = await at("app/client/timeline.js");
        const mine = client();
        const [ann, bot, mallory] = [member(lab.ME), lab.BOT, "@mallory:elsewhere.test"];
        const made = (/** @type {string} */ sender) =>
            event({
                type: "m.room.create",
                state_key: "",
                sender,
                content: { room_version: "11" },
            });
        const add = (/** @type {string} */ id, /** @type {any[]} */ state) =>
            room(mine, state, [], id);
        const invited = (/** @type {string} */ sender) =>
            member(lab.ME, { membership: "invite" }, { sender });
        const again = (/** @type {string} */ displayname) => member(lab.ME, { displayname });
        await add("!bot", [ann, member(bot)]);
        await add("!left", [again("b"), member(bot, { membership: "leave" }), member(mallory)]);
        await add("!made", [again("c"), made(bot), member(mallory), member("@dan:localhost")]);
        const other = "@veche_bank:localhost";
        await add("!asked-by-bot", [invited(other), made(other)]);
        await add("!claims-bot", [invited("@eve:x"), made(bot)]);
        await add("!asked-by-friend", [invited(lab.FRIEND)]);
        await add("!of-friend", [again("d"), member(lab.FRIEND)]);
        await add("!asked-by-past", [invited("@past:x")]);
        await add("!of-past", [again("e"), member("@past:x", { membership: "leave" })]);
        await add("!is-gone", [member(lab.ME, { membership: "leave" }), member(bot)]);
        const kinds = () =>
            Object.fromEntries(
                new RoomList(mine)
                    .entries()
                    .map((/** @type {any} */ { id, kind, state }) => [id, `${kind} ${state}`]),
            );
        const before = kinds();
        const content = { [mallory]: 5, [lab.FRIEND]: ["!of-friend"], "@dan:localhost": ["!made"] };
        mine.store.storeAccountDataEvents([event({ type: "m.direct", content })]);
        const after = kinds();
        let created = 0;
        mine.createRoom = async () => ((created += 1), Promise.reject(new Error("not now")));
        await direct(mine, lab.FRIEND).catch(() => {});
        const friends = mine.getRoom("!of-friend");
        lab.put(friends, [lab.encryption()]);
        const known = await direct(mine, lab.FRIEND);
        mine.getJoinedRoomMembers = async () => ({ joined: { [mallory]: { display_name: {} } } });
        mine.members = async () => ({
            chunk: [{ state_key: "@b:x", content: { displayname: "\u202ecod" } }],
        });
        const members = await membersOf(mine, "!bot");
        lab.put(friends, [member(lab.FRIEND, { displayname: "\u202ecod " })]);
        const name = nameIn(friends, lab.FRIEND);
        return { before, after, created, known, members, name };
    });

    assert.deepEqual(found.before, {
        "!bot": "office join",
        "!left": "group join",
        "!made": "office join",
        "!asked-by-bot": "group invite",
        "!claims-bot": "group request",
        "!asked-by-friend": "group invite",
        "!of-friend": "group join",
        "!asked-by-past": "group request",
        "!of-past": "group join",
    });
    assert.equal(found.after["!of-friend"], "person join");
    assert.equal(found.created, 1, "a room that is not encrypted is not taken");
    assert.equal(found.known, "!of-friend");
    assert.deepEqual(
        found.members.map((/** @type {any} */ one) => one.name),
        ["[object Object]", "cod"],
    );
    assert.equal(found.name, "cod");
});

test("what waits or fails goes nowhere it should not", async (stage) => {
    const { run } = await laboratory(stage);
    const found = await run(async ({ at, event, client, room, member, ...lab }) => {
        const sending = await at("app/client/sending.js");
        const { FILE_BYTES_MAX } = await at("app/client/media.js");
        const { takeReturn, keepReturn } = await at("app/account/returning.js");
        const { personIn } = await at("app/views/people.js");
        const { routeOf } = await at("app/route.js");
        const { isSignInTalk } = await at("app/account/sign_in_talk.js");
        const { storageWords } = await at("app/account/storage_words.js");
        let isNew = true;
        const status = async () => ({
            ...{ known: true, needsUserApproval: isNew },
            wasCrossSigningVerified: () => false,
        });
        const mine = client({
            isEncryptionEnabledInRoom: async () => true,
            getUserVerificationStatus: status,
        });
        await room(mine, [member(lab.ME), member(lab.FRIEND), lab.encryption()]);
        mine.getRoom(lab.ROOM).getEncryptionTargetMembers = async () => [
            { userId: lab.FRIEND, membership: "join" },
        ];
        /** @type {string[]} */
        const sent = [];
        for (const name of ["sendEvent", "resendEvent", "uploadContent", "setRoomReadMarkers"])
            mine[name] = async () => (sent.push(name), { content_uri: "mxc://x/y" });
        const message = { id: "$x", reactions: [] };
        const file = new File(["x"], "a.txt");
        const large = new File(["x"], "a.txt");
        Object.defineProperty(large, "size", { value: FILE_BYTES_MAX + 1 });
        const name = (/** @type {any} */ error) => error.constructor.name;
        const tries = () =>
            Promise.all(
                [
                    sending.react(mine, lab.ROOM, message, "x"),
                    sending.sendAgain(mine, lab.ROOM, event({})),
                    sending.sendFile(mine, lab.ROOM, file),
                    sending.sendVoice(mine, lab.ROOM, { blob: file, duration_ms: 1, waveform: [] }),
                ].map((one) =>
                    one.then(
                        () => "sent",
                        (/** @type {any} */ error) => error.message,
                    ),
                ),
            );
        const refused = await tries();
        const nothing = [...sent];
        isNew = false;
        const allowed = await tries();
        const tooLarge = await sending.sendFile(mine, lab.ROOM, large).then(() => "sent", name);
        const unsent = event({ event_id: `~${lab.ROOM}:m1` });
        sent.length = 0;
        await sending.markRead(mine, unsent);
        const people = [{ id: '@a"><b>:x', name: "<img>" }];
        const html = sending.textContent('@<img> "x" & <script>', { people }).formatted_body;
        const edit = sending.editContent(message, { body: "b", "m.mentions": { user_ids: ["x"] } });
        const back = (/** @type {string} */ one) => (keepReturn({ back: one }), takeReturn());
        const talk = { "org.veche.sign_in": { v: 1 } };
        const other = { "org.veche.sign_in": { v: 1, session: "not mine" } };
        return {
            ...{ refused, nothing, allowed, tooLarge, html, read: [...sent] },
            mentions: edit["m.mentions"],
            backs: ["https://elsewhere.test", "//elsewhere.test", "#/me"].map(back),
            people: [
                "@%zz:x",
                "https://matrix.to/#/@a:x?via=y",
                "anna",
                "@a\u202eb:x",
                "@a:b/c",
            ].map((one) => personIn(one, "here") ?? null),
            broken: routeOf("#/chats/%zz").parts,
            storage: ["QuotaExceededError", "InvalidStateError"].flatMap((name) => [
                storageWords(new DOMException("x", name)),
                storageWords(new Error(`DomException ${name} (22): x`)),
            ]),
            talk: [
                isSignInTalk(lab.BOT, talk),
                isSignInTalk(lab.FRIEND, talk),
                isSignInTalk(lab.BOT, other),
            ],
        };
    });

    const replaced = Array(4).fill("an identity was replaced");
    assert.deepEqual(found.refused, replaced);
    assert.deepEqual(found.nothing, []);
    assert.deepEqual(found.allowed, Array(4).fill("sent"));
    assert.equal(found.tooLarge, "MediaError");
    assert.equal(found.read.length, 0, "no receipt for what the homeserver does not have");
    const link = "https://matrix.to/#/%40a%22%3E%3Cb%3E%3Ax";
    assert.equal(
        found.html,
        `<a href="${link}">&lt;img&gt;</a> &quot;x&quot; &amp; &lt;script&gt;`,
    );
    assert.deepEqual(found.mentions, {}, "an edit rings nobody");
    assert.deepEqual(found.backs, ["", "", "#/me"]);
    assert.deepEqual(found.people, ["@%zz:x", "@a:x", "@anna:here", null, null]);
    assert.deepEqual(found.broken, ["%zz"]);
    assert.deepEqual(found.talk, [true, false, false]);
    const [full, refusedHere] = [/no room left/, /keeps nothing for this page/];
    for (const [at, words] of [full, full, refusedHere, refusedHere].entries())
        assert.match(found.storage[at] ?? "", words);
});

test("what a browser keeps is of one person and one device, and lists have an end", async (stage) => {
    const { run } = await laboratory(stage);
    const found = await run(async ({ at }) => {
        const { signIn } = await at("app/account/signing_up.js");
        const { keepSession, loadSession } = await at("app/account/session.js");
        const kept = await at("app/client/kept.js");
        const { growList } = await at("app/client/sync.js");
        const before = { userId: "@a:x", deviceId: "D", accessToken: "", fingerprint: "f" };
        const storeKey = new Uint8Array(32);
        const entered = async (/** @type {string} */ user_id, /** @type {string} */ device_id) => {
            await keepSession({ ...before, storeKey });
            window.fetch = async () => Response.json({ user_id, device_id, access_token: "t" });
            await signIn("https://x.test", {});
            const { fingerprint, storeKey: key } = await loadSession();
            return [fingerprint ?? "none", key.some(Boolean)];
        };
        const again = await entered("@a:x", "D");
        const others = [await entered("@b:x", "D"), await entered("@a:x", "E")];
        await kept.keepFor("@a:x");
        await kept.keepDraft("!r", "mine");
        await kept.keepOutgoing({ txn: "t", room: "!r", content: {}, at_ms: 1 });
        await kept.keepFor("@a:x");
        const same = await kept.countKept();
        await kept.keepFor("@b:x");
        const another = await kept.countKept();
        /** @type {any} */
        let tell;
        let asked = 0;
        const sync = {
            on: (/** @type {unknown} */ _, /** @type {any} */ listener) => (tell = listener),
            getListData: () => ({ joinedCount: 1e9 }),
            setListRanges: (/** @type {unknown} */ _, /** @type {number[][]} */ ranges) =>
                (asked = ranges[0]?.[1] ?? 0),
        };
        growList(sync, "rooms", 50);
        for (let at = 0; at < 100; at += 1) tell("COMPLETE");
        return { again, others, same, another, asked };
    });

    assert.deepEqual(found.again, ["f", false], "the same keys");
    for (const one of found.others) assert.deepEqual(one, ["none", true], "keys of its own");
    assert.deepEqual([found.same, found.another], [2, 0]);
    assert.equal(found.asked, 5_049);
});
