import { VirtiolabError } from '../../core/index.ts';

/** A guest that the mediator is not to serve. */
export class RefusedGuestError extends VirtiolabError {
  readonly guest: string;

  constructor(guest: string) {
    super(`the mediator serves no ${guest}`);
    this.guest = guest;
  }
}

/** Requests of a type that would have to be turned, and of which the mediator knows too little. */
export class UnmediatedTypeError extends VirtiolabError {
  readonly type: string;

  constructor(type: string) {
    super(`requests of ${type} devices cannot be turned: guest and parent have to be of one byte order`);
    this.type = type;
  }
}
