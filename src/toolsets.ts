/** The groups that tools can be switched on and off by. */
export const TOOLSETS = ['telephony', 'push', 'rotation', 'connections', 'secrets'] as const;
export type Toolset = (typeof TOOLSETS)[number];
