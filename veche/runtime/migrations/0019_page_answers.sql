-- compat: 19
-- What people do on pages stands in the inbox as what it is, an answer or a command, and no longer
-- as a message that was never sent. Rows that wait are put into the new form.

UPDATE runtime.inbox AS i
SET event_type = 'org.veche.prompt_answer',
    event = json_build_object(
        'trust', i.event -> 'org.veche.page_trust',
        'prompt', i.event #> '{content,org.veche.answer,prompt}',
        'choice', i.event #> '{content,org.veche.answer,choice}',
        'data', i.event #> '{content,org.veche.answer,data}',
        'nonce', (SELECT a.nonce FROM runtime.approval_asked AS a
            WHERE i.event ->> 'org.veche.page_trust' = '3'
                AND a.prompt_id = i.event #>> '{content,org.veche.answer,prompt}'
                AND a.choice = i.event #>> '{content,org.veche.answer,choice}'))
WHERE i.source = 3 AND i.state < 2 AND i.event #> '{content,org.veche.answer}' IS NOT NULL;

UPDATE runtime.inbox AS i
SET event_type = 'org.veche.page_command',
    event = json_build_object(
        'trust', i.event -> 'org.veche.page_trust',
        'name', coalesce(i.event #>> '{content,org.veche.page,command}', 'start'),
        'about', coalesce(i.event #>> '{content,org.veche.page,case}',
            i.event #>> '{content,org.veche.page,service}'),
        'text', coalesce(i.event #>> '{content,org.veche.page,text}', ''))
WHERE i.source = 3 AND i.state < 2 AND i.event #> '{content,org.veche.page}' IS NOT NULL;

-- What was taken before has a digest of the old form, with which nothing can be compared.
UPDATE runtime.page_act SET digest = '';
