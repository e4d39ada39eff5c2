Feature: The dispatcher knows whom to send where, and why
  Every verdict names its evidence and what would clear it, so nobody drives for one bad vend and
  nobody drives in vain.

  Scenario: A month of the whole fleet
    When the dispatcher imports the sample month
    Then the fleet has 2000 transactions on 6 machines
    And the most urgent machine is GM005, out of service: 346 of 346 credits gave no gumball
    And the state of the machines is
      | machine | state           | under | over |
      | GM001   | needs_attention |       |      |
      | GM002   | needs_attention |       |      |
      | GM003   | degraded        | 6     | 10   |
      | GM004   | degraded        |       | 8    |
      | GM005   | out_of_service  | 346   |      |
      | GM006   | degraded        |       | 19   |
    And there is one fleet gap of 24.6 hours, and no machine is blamed for it

  Scenario: From a verdict to a mended machine
    Given the technician #007 looks after the machine GM070
    And yesterday's log of GM070 shows 12 of 200 credits without a gumball
    When the dispatcher looks at the worklist of technician #007
    Then GM070 is on it, with the reason, the parts to carry and what would clear it
    When the dispatcher sends somebody to GM070
    Then the worklist of technician #007 says that somebody goes to GM070
    When the next log of GM070 shows 10 rows since the visit, all good
    Then the dispatch is still open, for that is too few to tell
    When the next log of GM070 shows 60 rows since the visit, all good
    Then the dispatch is closed by that log
    And GM070 is healthy and not on the worklist of technician #007

  Scenario: One bad vend sends nobody
    Given the technician #008 looks after the machine GM080
    And yesterday's log of GM080 shows 1 of 200 credits without a gumball
    When the dispatcher looks at the worklist of technician #008
    Then GM080 is not on it

  Scenario: The same visit is not sent for twice
    Given the technician #009 looks after the machine GM090
    When the dispatcher sends somebody to GM090
    And the dispatcher sends somebody to GM090
    Then there is one open dispatch to GM090
