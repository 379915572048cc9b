"""Study to StudyGrades: the locator, the crops, the grader and its bundle. No Ray."""
