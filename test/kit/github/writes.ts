/** What the API does and answers when something is to change: releases, drafts and assets. */
import { type Answer, jsonAnswer } from "../misbehaving-server/answer.ts";
import { type ApiTools, type Call, NOT_FOUND, violated } from "./api.ts";
import { assetDocument, placeOf, releaseDocument } from "./documents.ts";
import { digestOf, type FakeRelease } from "./state.ts";

const DONE: Answer = { status: 204, headers: [], body: Buffer.alloc(0), part: undefined };

type ReleaseBody = {
  readonly tag_name?: string;
  readonly name?: string;
  readonly body?: string;
  readonly draft?: boolean;
  readonly prerelease?: boolean;
  readonly target_commitish?: string;
  readonly make_latest?: "true" | "false" | "legacy";
};

export async function write(call: Call, tools: ApiTools): Promise<Answer> {
  const { operation, repository, right, segments } = call;
  if (right !== "contents: write") return forbidden();
  const [, second = "", third = ""] = segments;
  const release = repository.releases.find(({ id }) => id === Number(second));
  const body = (call.body ?? {}) as ReleaseBody;
  switch (operation) {
    case "POST /repos/{owner}/{repo}/releases":
      return create(body, call, tools);
    case "PATCH /repos/{owner}/{repo}/releases/{release_id}":
      return release ? change(release, body, call, tools) : NOT_FOUND;
    case "DELETE /repos/{owner}/{repo}/releases/{release_id}":
      if (!release) return NOT_FOUND;
      repository.removeRelease(release);
      return DONE;
    case "POST /repos/{owner}/{repo}/releases/{release_id}/assets":
      return release ? upload(release, call, tools) : NOT_FOUND;
    case "DELETE /repos/{owner}/{repo}/releases/assets/{asset_id}": {
      const found = repository.asset(Number(third));
      if (!found) return NOT_FOUND;
      if (found.release.immutable) return invalid("Cannot delete asset from an immutable release.");
      repository.removeAsset(found.release, found.asset.name);
      found.release.ghosts.push({ asset: found.asset, lists: tools.deleteLag() });
      return DONE;
    }
    case "PATCH /repos/{owner}/{repo}/releases/assets/{asset_id}": {
      const found = repository.asset(Number(third));
      if (!found) return NOT_FOUND;
      if (found.release.immutable) return invalid("Cannot update asset from an immutable release.");
      const { name, label } = call.body as { readonly name?: string; readonly label?: string };
      if (
        name !== undefined &&
        found.release.assets.some((each) => each !== found.asset && each.name === name)
      )
        return exists("ReleaseAsset", "name");
      found.asset.name = name === undefined ? found.asset.name : tools.rename(name);
      found.asset.label = label ?? found.asset.label;
      const document = assetDocument(found.asset, placeOf(found.release), repository, tools.origins());
      return jsonAnswer(200, document);
    }
    default:
      return violated(`${operation} is not played`, tools);
  }
}

function create(body: ReleaseBody, call: Call, tools: ApiTools): Answer {
  const { repository } = call;
  const tag = body.tag_name!;
  const target = body.target_commitish ?? "main";
  if (repository.workflowCommits.has(target)) return forbidden();
  if (repository.burned.has(tag)) return burned();
  const draft = body.draft ?? false;
  if (!draft && repository.published(tag)) return exists("Release", "tag_name");
  const { name = tag, body: text = "", prerelease = false } = body;
  const release = repository.addRelease(tag, { draft, prerelease, name, body: text, target });
  return said(201, release, call, tools);
}

function change(release: FakeRelease, body: ReleaseBody, call: Call, tools: ApiTools): Answer {
  const { repository } = call;
  if (release.immutable && body.target_commitish !== undefined)
    return invalid("target_commitish cannot be changed when release is immutable");
  if (repository.workflowCommits.has(body.target_commitish ?? release.target)) return forbidden();
  const publishes = release.draft && body.draft === false;
  const tag = body.tag_name ?? release.tag;
  if (publishes && repository.burned.has(tag)) return burned();
  if (publishes && repository.published(tag)) return exists("Release", "tag_name");
  release.tag = tag;
  release.name = body.name ?? release.name;
  release.body = body.body ?? release.body;
  release.target = body.target_commitish ?? release.target;
  release.prerelease = body.prerelease ?? release.prerelease;
  if (body.make_latest !== undefined) release.aside = body.make_latest === "false";
  if (publishes) repository.publish(release);
  return said(200, release, call, tools);
}

/** The asset is there from the first byte on, as `starter`, and stays so when the last one does not come. */
async function upload(release: FakeRelease, call: Call, tools: ApiTools): Promise<Answer> {
  const { repository, query } = call;
  if (release.immutable) return invalid("Cannot upload assets to an immutable release.");
  const name = tools.rename(query.get("name")!);
  const isTaken = (each: { readonly name: string }): boolean => each.name === name;
  const ghost = release.ghosts.some(({ asset, lists }) => lists > 0 && isTaken(asset));
  if (ghost || release.assets.some(isTaken)) return exists("ReleaseAsset", "name");
  const asset = repository.addAsset(release, name, Buffer.alloc(0), "starter");
  asset.label = query.get("label");
  const pieces: Uint8Array[] = [];
  for await (const piece of call.upload) pieces.push(piece);
  if (!release.assets.includes(asset)) return NOT_FOUND;
  asset.bytes = Buffer.concat(pieces);
  asset.digest = tools.tellsDigests() ? digestOf(asset.bytes) : null;
  asset.state = "uploaded";
  return jsonAnswer(201, assetDocument(asset, placeOf(release), repository, tools.origins()));
}

function said(status: number, release: FakeRelease, call: Call, tools: ApiTools): Answer {
  return jsonAnswer(status, releaseDocument(release, call.repository, tools.origins(), tools.embedded()));
}

function forbidden(): Answer {
  return jsonAnswer(403, { message: "Resource not accessible by integration", status: "403" });
}

const DOCUMENTED = { documentation_url: "https://docs.github.com/rest/releases/releases" };

function exists(resource: string, field: string): Answer {
  const errors = [{ resource, code: "already_exists", field }];
  return jsonAnswer(422, { message: "Validation Failed", errors, ...DOCUMENTED });
}

function burned(): Answer {
  const message = "tag_name was used by an immutable release";
  const errors = [{ resource: "Release", code: "custom", field: "tag_name", message }];
  return jsonAnswer(422, { message: "Validation Failed", errors, ...DOCUMENTED });
}

function invalid(message: string): Answer {
  return jsonAnswer(422, { message, ...DOCUMENTED });
}
