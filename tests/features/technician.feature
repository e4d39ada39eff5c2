Feature: A technician brings in the logs of their machines
  A log that was read from a machine goes to the office under a name that says who read it, where
  and when. Whoever sent a file can see it and take it back; nobody else can.

  Background:
    Given the technician #001 looks after the machines GM001 and GM002
    And the technician #002 looks after the machine GM003

  Scenario: Sending a log
    When technician #001 sends a log of GM001 that was read on 9/21/2018 9:34:48 AM
    Then the answer carries a file id
    And the share holds T0001.GM001.2018-09-21_093448.zip with the very bytes that were sent
    And soon every line of it is a transaction of GM001 worth 25 cents

  Scenario: Sending the same log twice
    When technician #001 sends a log of GM001 that was read on 9/22/2018 9:34:48 AM
    And technician #001 sends the same log again
    Then both answers carry the same file id
    And soon every line of it is a transaction of GM001 worth 25 cents

  Scenario: Another machine's lines are put aside
    When technician #001 sends a log of GM002 in which 2 of 12 lines are of GM003
    Then the file is suspect, with 10 lines kept and 2 refused
    And each refused line is shown with its number and a reason
    And GM003 has no transactions

  Scenario: Sending the log of somebody else's machine
    When technician #002 sends a log of GM001 that was read on 9/23/2018 9:34:48 AM
    Then it is refused as not allowed, and GM003 is named as theirs

  Scenario: Listing one's files
    Given technician #001 has sent a log of GM001 that was read on 9/24/2018 9:34:48 AM
    And technician #002 has sent a log of GM003 that was read on 9/24/2018 9:34:48 AM
    When technician #002 lists their files
    Then T0002.GM003.2018-09-24_093448.zip is listed
    And there is no file of another technician among them

  Scenario: Taking a file back
    Given technician #001 has sent a log of GM001 that was read on 9/25/2018 9:34:48 AM
    When technician #001 deletes that file
    Then the answer says that it is deleted
    And the share no longer holds T0001.GM001.2018-09-25_093448.zip
    And it is not among the files of technician #001
    And soon its rows are gone from GM001

  Scenario: Trying to delete somebody else's file
    Given technician #001 has sent a log of GM001 that was read on 9/26/2018 9:34:48 AM
    When technician #002 deletes that file
    Then there is no such file, as far as they can tell
    And the share holds T0001.GM001.2018-09-26_093448.zip with the very bytes that were sent
