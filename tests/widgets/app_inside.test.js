// stage: app
// What modules of the app do in a page that is signed in, asked of them there.
import assert from "node:assert/strict";
import { A, begun, go, message } from "./app_begun.js";
import { test } from "./harness.js";

test("what many send at once costs what it is, not its square", async (stage) => {
    const [rooms, invitations] = [60, 60];
    const { page } = await begun(stage, (set) => {
        for (let at = 0; at < rooms; at++) set.room(`!r${at}:localhost`);
        for (let at = 0; at < invitations; at++)
            set.invite(`!i${at}:localhost`, `@m${at}:elsewhere.test`);
    });
    await go(page, A);
    await message(page, "first").waitFor();
    const found = await page.evaluate(
        async ([room, all]) => {
            const script = /** @type {HTMLScriptElement} */ (
                document.querySelector("script[type=module]")
            );
            const files = script.src.replace(/main\.js$/, "");
            const { Room } = await import("matrix-js-sdk");
            const { account } = await import(`${files}account/account.js`);
            const { RoomList } = await import(`${files}client/rooms.js`);
            const { watchPapers } = await import(`${files}elements/papers.js`);
            const { client } = account().opened;
            const list = new RoomList(client);
            while (list.entries().length !== all)
                await new Promise((resolve) => setTimeout(resolve, 20));
            let looks = 0;
            for (const name of /** @type {const} */ (["getMember", "getJoinedMembers"])) {
                const get = /** @type {any} */ (Room.prototype)[name];
                /** @type {any} */ (Room.prototype)[name] = function (
                    /** @type {any[]} */ ...what
                ) {
                    looks += 1;
                    return get.apply(this, what);
                };
            }
            list._touch(room);
            list.entries();
            let listed = 0;
            const { getRooms } = client;
            client.getRooms = () => ((listed += 1), getRooms.call(client));
            list._touch("!r1:localhost");
            const entry = list.entry(room);
            const listedForOne = listed;
            const told = { times: 0 };
            const stop = watchPapers(() => (told.times += 1));
            while (told.times < 1) await new Promise((resolve) => setTimeout(resolve, 20));
            const event = client.getRoom(room).getLiveTimeline().getEvents()[0];
            for (let at = 0; at < 100; at += 1) {
                client.emit("Event.decrypted", event);
                await Promise.resolve();
            }
            while (told.times < 2) await new Promise((resolve) => setTimeout(resolve, 20));
            stop();
            return { looks, listedForOne, told: told.times, id: entry?.id };
        },
        /** @type {const} */ ([A, rooms + invitations + 2]),
    );

    assert.ok(found.looks < 2 * (rooms + invitations), `${found.looks} looks at members`);
    assert.equal(found.id, A);
    assert.equal(found.listedForOne, 0, "one chat is drawn without all others");
    assert.ok(found.told < 10, `${found.told} times told of a hundred messages`);
});

test("media of any size and type is bounded, and no address shows another's picture", async (stage) => {
    const { page } = await begun(stage);
    await go(page, A);
    await message(page, "first").waitFor();
    const found = await page.evaluate(async () => {
        const script = /** @type {HTMLScriptElement} */ (
            document.querySelector("script[type=module]")
        );
        const files = script.src.replace(/main\.js$/, "");
        const media = await import(`${files}client/media.js`);
        const { account } = await import(`${files}account/account.js`);
        const { client } = account().opened;
        let pulled = 0;
        const part = new Uint8Array(1024 * 1024);
        window.fetch = async () =>
            new Response(new ReadableStream({ pull: (out) => (pulled++, out.enqueue(part)) }));
        const content = { msgtype: "m.image", url: "mxc://localhost/endless" };
        const endless = await media.pictureAddress(client, content).catch(String);
        const bytes = new TextEncoder().encode("<svg xmlns='http://www.w3.org/2000/svg'></svg>");
        window.fetch = async () => new Response(bytes);
        const svg = await media
            .pictureAddress(client, { url: "mxc://localhost/svg" })
            .catch(String);
        /** @type {(string | undefined)[]} */
        const credentials = [];
        window.fetch = async (_, how) => (credentials.push(how?.credentials), new Response(bytes));
        const of = (/** @type {object} */ stored, /** @type {string} */ type) =>
            media.fileOf(client, { url: "mxc://localhost/y", ...stored }, type);
        const types = [];
        for (const type of ["image/png", "image/svg+xml", "text/html", "audio/ogg"])
            types.push((await of({}, type)).type);
        const { sealAttachment } = await import(`${files}../kit/attachment.js`);
        const { file } = await sealAttachment(new Uint8Array(5));
        const damaged = await of(
            { file: { ...file, url: "mxc://localhost/z" } },
            "image/png",
        ).catch(String);
        const first = await media.fileAddress(client, { url: "mxc://localhost/x" }, "image/png");
        const second = await media.fileAddress(client, { url: "mxc://localhost/x" }, "audio/ogg");
        return { endless, pulled, svg, isSame: first === second, types, damaged, credentials };
    });

    assert.doesNotMatch(found.endless, /^blob:/);
    assert.ok(found.pulled < 40, `${found.pulled} MiB`);
    assert.match(found.svg, /no picture/);
    assert.equal(found.isSame, false);
    const plain = "application/octet-stream";
    assert.deepEqual(found.types, ["image/png", plain, plain, "audio/ogg"]);
    assert.match(found.damaged, /it is damaged/);
    assert.ok(found.credentials.every((one) => one === "omit"));
});
