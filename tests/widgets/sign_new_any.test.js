// stage: signing
import assert from "node:assert/strict";
import { ask, glance, look, test } from "./harness.js";
import { atNew, choose, opened } from "./sign_new_fake.js";

test("any other file is signed as it is, in a container with chance beside it", async ({
    open,
}) => {
    const { page, heard, alert } = await atNew(open);
    await choose(page, "container", "lease.asice");
    await alert.filter({ hasText: "This is a container with signatures already" }).waitFor();
    const letter = await choose(page, "letter", "lease: canary.odt");
    await page.getByText("It is no PDF, so it stays as it is").waitFor();
    await page.getByText("Look at it with a program of your own before you send it.").waitFor();
    // It is theirs: there is nothing to save, and no copy to compare it with.
    assert.equal(await page.getByText("Choose it here").count(), 0);
    assert.equal(await page.getByRole("button", { name: "Save this file" }).count(), 0);
    const main = page.locator("main");
    await main.getByText("Only a PDF can be signed with a certificate of one's own").waitFor();
    for (const label of ["Box of the signature", "Signs", "Clause"])
        assert.equal(await main.getByLabel(label, { exact: true }).count(), 0, label);
    assert.equal(
        await main.getByLabel("What the document is").inputValue(),
        "lease: canary",
        "without its ending",
    );
    await look(page, "sign-new-any-file");
    // What only pages have is named, where it was typed.
    const line = main.getByLabel("In one line, as in the chat");
    await line.fill("bob on page 1");
    await main.getByRole("button", { name: "Look at what will be sent" }).click();
    await main.getByText("This file has no pages: choose").waitFor();
    await line.fill("bob");
    await main.getByRole("button", { name: "Look at what will be sent" }).click();
    await main.getByRole("heading", { name: "This will be sent" }).waitFor();
    await glance(page, "sign-new-any-file-review");
    await main.getByRole("button", { name: "Encrypt and send" }).click();
    await page.getByRole("heading", { name: "Now send the link yourself" }).waitFor();

    const said = new URLSearchParams(
        new URL(await page.locator(".share").innerText()).hash.slice(1),
    );
    const [begun, put] = heard;
    const key = Buffer.from(said.get("k") ?? "", "base64url");
    const container = opened(key, put?.body, "veche.signing.blob").toString("base64");
    const held = await ask("look_into_container", { container });
    assert.deepEqual(held.names, ["lease- canary.odt", "veche-salt.bin"]);
    assert.equal(held.first, letter.toString("base64"));
    const { document } = begun?.body ?? {};
    assert.deepEqual([document.pages, document.sha256], [0, held.sha256]);
    assert.equal(
        Buffer.from(said.get("d") ?? "", "base64url")
            .toString("base64")
            .replace("=", ""),
        held.sha256,
    );
    const out = heard.map(({ body }) =>
        Buffer.isBuffer(body) ? body.toString("latin1") : JSON.stringify(body),
    );
    assert.ok(!out.join("\n").includes("canary"));
});
