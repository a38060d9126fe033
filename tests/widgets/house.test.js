// stage: house
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ROOM, showWidget } from "./client.js";
import { BASE, ask, test, until } from "./harness.js";

test("a person gets a link to their page from the bot", async () => {
    const { link } = await ask("sign_in", { person: "alice" });

    assert.ok(link.startsWith(`${BASE}/signin#`), link);
});

test("what a person answers in the widget of a real case, the office gets", async ({ open }) => {
    const { number, room } = await ask("start_case", { person: "bob" });
    await ask("desk", { number, choices: ["claim", "ask_more"], says: "Which hospital?" });
    await ask("wait_for", { person: "bob", room, text: "Which hospital?" });
    const events = await ask("messages", { person: "bob", room });
    const state = events.find((/** @type {any} */ one) => one.type === "im.vector.modular.widgets");
    const timeline = events.filter((/** @type {any} */ one) => one.type === "m.room.message");
    const widget = await showWidget(await open(), { timeline });
    await widget.frame.getByText(number).waitFor();
    await widget.frame.getByRole("textbox", { name: "Your answer" }).fill("Charité");
    await widget.frame.getByRole("button", { name: "Send" }).click();
    await widget.frame.getByText("Sent.").waitFor();
    const [content] = await widget.sent();
    await ask("send", { person: "bob", room, content });
    await ask("wait_for", { person: "bob", room, text: "Thank you, the office has it." });

    assert.equal(content.body, "Charité");
    assert.ok(state.content.url.startsWith(`${BASE}/widget?theme=$org.matrix`), state.content.url);
    // What the card says of the case since then ends the question, also for who answered in words.
    await until(async () => {
        for (const event of await ask("messages", { person: "bob", room }))
            if (event.type === "m.room.message") await widget.feed({ ...event, room_id: ROOM });
        return (await widget.frame.getByText("a clerk is looking at it").count()) > 0;
    }, "the card says that a clerk is looking at it");
    await widget.frame.getByRole("textbox").waitFor({ state: "detached" });
});

test("a person sees what a real office did to them, and the file that they save is verified", async ({
    open,
}) => {
    await ask("start_case", { person: "carla" });
    const { link } = await ask("sign_in", { person: "carla" });
    const { page } = await open();
    await page.goto(link);
    await page.getByRole("button", { name: "Your account" }).waitFor();
    await page.goto(`${BASE}/acts`);
    const office = page.getByRole("main").getByRole("region").first();
    await office.getByText("checked").first().waitFor();
    const shown = await office.locator(".acts li").count();
    const saving = page.waitForEvent("download");
    await office.getByRole("button", { name: "Save with the proof" }).click();
    const file = await (await saving).path();
    await page.goto(`${BASE}/verify`);
    await page.getByLabel("The receipt or the document").setInputFiles({
        name: "acts.json",
        mimeType: "application/json",
        buffer: readFileSync(file),
    });
    await page.getByText("These acts are proven.").waitFor();

    assert.ok(shown > 0);
    assert.equal(await page.locator(".acts li").count(), shown);
});
