/** Hostile patches of THEMIS: headers that lie of executables, and coded streams that mean anything. */
import { itSurvives } from "./survive.ts";
import { hostileThemis } from "./themis-forge.ts";

itSurvives(hostileThemis);
