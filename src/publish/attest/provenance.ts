/**
 * Where a release was built, as SLSA provenance v1 says it, of a run of GitHub Actions (buildType workflow/v1).
 *
 * Everything here is what the environment says, and whoever starts this program says what is in it. It becomes a claim that
 * somebody can check when actions/attest signs it with an identity that GitHub gave to this very run.
 */
import { PublishError } from "../publish-error.ts";
import type { Predicate } from "./statement.ts";

export const SLSA_PROVENANCE = "https://slsa.dev/provenance/v1";
const BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1";

type Environment = Readonly<Record<string, string | undefined>>;

/** Names and refs of git and GitHub; nothing in them needs more. */
const MAX_CHARACTERS = 1024;

/** @throws PublishError PROVENANCE_UNKNOWN */
export function provenanceOf(environment: Environment): Predicate {
  const wanted = (name: string, pattern: RegExp): string => {
    const value = environment[name] ?? "";
    if (value.length <= MAX_CHARACTERS && pattern.test(value)) return value;
    throw new PublishError(
      "PROVENANCE_UNKNOWN",
      value === ""
        ? `the environment does not say where this is built: ${name} is not set`
        : `${name} is not what a workflow's run has there`,
      {
        facts: { name },
        hint: "run it in a workflow of GitHub Actions, or give --predicate and --predicate-type",
      },
    );
  };
  const server = wanted("GITHUB_SERVER_URL", /^https?:\/\/[^\s/?#@]+$/);
  const repository = wanted("GITHUB_REPOSITORY", /^[\w.-]+\/[\w.-]+$/);
  const workflow = wanted("GITHUB_WORKFLOW_REF", /^[\w.-]+\/[\w.-]+\/[^\s@]+@[^\s@]+$/);
  const [path = "", ref = ""] = workflow.split("/").slice(2).join("/").split("@");
  const from = workflow.split("/").slice(0, 2).join("/");
  const number = /^\d{1,20}$/;
  const run = `${wanted("GITHUB_RUN_ID", number)}/attempts/${wanted("GITHUB_RUN_ATTEMPT", number)}`;
  const value = {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { workflow: { ref, repository: `${server}/${from}`, path } },
      internalParameters: {
        github: {
          event_name: wanted("GITHUB_EVENT_NAME", /^\w+$/),
          repository_id: wanted("GITHUB_REPOSITORY_ID", number),
          repository_owner_id: wanted("GITHUB_REPOSITORY_OWNER_ID", number),
          runner_environment: wanted("RUNNER_ENVIRONMENT", /^[a-z-]+$/),
        },
      },
      resolvedDependencies: [
        {
          uri: `git+${server}/${repository}@${wanted("GITHUB_REF", /^refs\/\S+$/)}`,
          digest: { gitCommit: wanted("GITHUB_SHA", /^([0-9a-f]{40}|[0-9a-f]{64})$/) },
        },
      ],
    },
    runDetails: {
      builder: { id: `${server}/${workflow}` },
      metadata: { invocationId: `${server}/${repository}/actions/runs/${run}` },
    },
  };
  return { type: SLSA_PROVENANCE, value };
}
