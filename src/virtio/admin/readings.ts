/** How the device reads the text where that contradicts itself, or what real drivers do; docs/administration.md has each case. */
export interface AdminReadings {
  /**
   * LIST_QUERY and LIST_USE for the virtual functions while VF Enable is clear: ADM-23 wants all commands to fail, drivers
   * ask before they enable any.
   */
  readonly listBeforeVfEnable: 'lenient' | 'strict';
  /** The member's number in LIST_QUERY and LIST_USE: it is unused by their description, and checked by ADM-24. */
  readonly memberOfList: 'ignored' | 'checked';
  /** Commands about capabilities before any LIST_USE for the self group: refused by ADM-15, and Linux sends none. */
  readonly capabilitiesBeforeUse: 'refused' | 'taken';
  /** RESOURCE_OBJ_MODIFY and RESOURCE_OBJ_QUERY are 0xb and 0xc in their descriptions, 0xc and 0xb in the table of opcodes. */
  readonly resourceNumbers: 'described' | 'table';
  /** LEGACY_NOTIFY_INFO has up to four entries by its description; ADL-15 wants the last to end the list. */
  readonly notifyEnd: 'always' | 'optional';
}

export const usualReadings: AdminReadings = {
  listBeforeVfEnable: 'lenient',
  memberOfList: 'ignored',
  capabilitiesBeforeUse: 'refused',
  resourceNumbers: 'described',
  notifyEnd: 'always',
};
