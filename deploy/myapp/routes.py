"""The tasks: one small table, by the book.

Each endpoint opens and commits its own transaction. A dependency that commits would do
so after the response has left, when it is too late to say that it failed.
"""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from db import sessions
from models import Task
from schemas import Id, TaskIn, TaskOut, TaskPage, TaskPatch


router = APIRouter(prefix="/tasks", tags=["tasks"])
TaskId = Annotated[Id, Path()]


@router.get("")
def list_tasks(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> TaskPage:
    """One page by id: a page never shifts because a row before it came or went."""
    query = select(Task).where(Task.id > after).order_by(Task.id).limit(limit + 1)
    with sessions.begin() as session:
        found = session.scalars(query).all()
    items = [TaskOut.model_validate(task) for task in found[:limit]]
    return TaskPage(items=items, next=items[-1].id if len(found) > limit else None)


@router.post("", status_code=201)
def create_task(new: TaskIn, response: Response) -> TaskOut:
    task = Task(**new.model_dump())
    with sessions.begin() as session:
        session.add(task)
    response.headers["Location"] = f"/tasks/{task.id}"
    return TaskOut.model_validate(task)


@router.get("/{task_id}")
def get_task(task_id: TaskId) -> TaskOut:
    with sessions.begin() as session:
        return TaskOut.model_validate(_find(session, task_id))


@router.patch("/{task_id}")
def patch_task(task_id: TaskId, patch: TaskPatch) -> TaskOut:
    with sessions.begin() as session:
        task = _find(session, task_id)
        for name, value in patch.model_dump(exclude_unset=True).items():
            setattr(task, name, value)
    return TaskOut.model_validate(task)


@router.delete("/{task_id}", status_code=204)
def delete_task(task_id: TaskId) -> None:
    with sessions.begin() as session:
        session.delete(_find(session, task_id))


def _find(session: Session, task_id: int) -> Task:
    if task := session.get(Task, task_id):
        return task
    raise HTTPException(404, f"no task {task_id}")
