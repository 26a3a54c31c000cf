import { Anchor, type AnchorProps, Button, type ButtonProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { AnchorHTMLAttributes, Ref } from 'react';

type Attributes = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'color' | 'style'>;

/** Links to pages of the console, in the looks of the kit. Their targets are checked as types. */
export const LinkButton = createLink(
  ({ ref, ...props }: ButtonProps & Attributes & { ref?: Ref<HTMLAnchorElement> }) => (
    <Button component="a" ref={ref} {...props} />
  ),
);

export const TextLink = createLink(
  ({ ref, ...props }: AnchorProps & Attributes & { ref?: Ref<HTMLAnchorElement> }) => (
    <Anchor ref={ref} inherit {...props} />
  ),
);
