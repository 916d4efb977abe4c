import type { Prompt } from '../prompt.ts';
import { credentialHealthCheck } from './credential-health-check.ts';
import { onboardWebrtcUser } from './onboard-webrtc-user.ts';
import { renewIosPush } from './renew-ios-push-certificate.ts';
import { respondToLeak } from './respond-to-leak.ts';
import { rotateCredential } from './rotate-credential.ts';

/** Every prompt, in the order a person sees them. */
export const prompts: readonly Prompt[] = [
  credentialHealthCheck,
  onboardWebrtcUser,
  rotateCredential,
  renewIosPush,
  respondToLeak,
];
